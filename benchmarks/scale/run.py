"""Run a stage or a command of flawfactory with the null back ends, and log what each process cost.

    python -m benchmarks.scale.run build

with MODULE=benchmarks.scale.run in the environment, as in `benchmarks.chaos.run`. Each process
appends one line to the file that SCALE_LOG names when it ends: its processor time, the part of it
spent in null models, in picture codecs and in the stage's own `process`, and its peak memory.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable
from functools import wraps
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import cv2
from PIL import Image, ImageFile

from benchmarks.chaos import nulls
from benchmarks.memory import read_peak
from stages import STAGES
from stages.engine.execution.worker import WorkerSetup
from stages.engine.workspace import CURRENT_STAGE

LOG = "SCALE_LOG"
"""Environment variable: path of the log."""
_spent = {"models": 0.0, "codecs": 0.0, "process": 0.0}
_running = threading.local()
"""``stack``: kinds of the metered calls that run in this thread; ``since``: when the time of the
innermost was last taken."""


def _charge() -> None:
    """Add the time since the last charge to the innermost metered call."""
    now = time.thread_time()
    if stack := _running.__dict__.setdefault("stack", []):
        _spent[stack[-1]] += now - _running.since
    _running.since = now


def _metered(function: Callable[..., Any], kind: str) -> Callable[..., Any]:
    """Return the function, with its processor time added to `kind`, apart from that of metered
    calls inside it."""

    @wraps(function)
    def call(*args: Any, **options: Any) -> Any:
        _charge()
        _running.stack.append(kind)
        try:
            return function(*args, **options)
        finally:
            _charge()
            _running.stack.pop()

    return call


def _meter(owner: Any, kind: str, *names: str) -> None:
    for name in names:
        setattr(owner, name, _metered(getattr(owner, name), kind))


def _log(role: str, stage: str) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = {
        "role": role,
        "stage": stage,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_bytes": read_peak(),
        **_spent,
    }
    with Path(os.environ[LOG]).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _meter_stage() -> None:
    """Meter `Stage.process` of the stages that workers build."""
    create = WorkerSetup.create

    def metered(setup: WorkerSetup) -> Any:
        built = create(setup)
        _meter(built, "process", "process")
        return built

    WorkerSetup.create = metered  # pyright: ignore[reportAttributeAccessIssue]


def _prepare() -> None:
    nulls.register()
    _meter(nulls.Halves, "models", "perceive")
    _meter(nulls.Still, "models", "encode", "decode_whole", "decode_crop", "velocity", "blocks")
    _meter(nulls.Constant, "models", "distance", "spatial")
    _meter(nulls.Lenient, "models", "judge")
    _meter(Image, "codecs", "open")
    _meter(Image.Image, "codecs", "save")
    _meter(ImageFile.ImageFile, "codecs", "load")
    _meter(cv2, "codecs", "imdecode")
    _meter_stage()


# Worker processes import this module too, as __mp_main__.
if __name__ in ("__main__", "__mp_main__"):
    _prepare()
if __name__ == "__mp_main__":
    # multiprocessing ends its processes without atexit.
    Finalize(None, _log, ("worker", os.environ[CURRENT_STAGE]), exitpriority=0)
if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STAGES:
        from stages.__main__ import main

        atexit.register(_log, "driver", sys.argv[1])
        main()
    else:
        from flows.entry import main

        atexit.register(_log, "flow", "")
        main()
