"""Run a stage or a command of flawfactory with the null back ends, and log what each process cost.

    MODULE=benchmarks.scale.run python -m benchmarks.scale.run build

Each process appends one line to the file that SCALE_LOG names when it ends: its processor time, its
peak memory, and the time spent in null models and in picture codecs.
"""

from __future__ import annotations

import atexit
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from functools import wraps
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

import cv2
from PIL import Image, ImageFile

from benchmarks.chaos import nulls
from stages import STAGES
from stages.engine.workspace import CURRENT_STAGE

LOG = "SCALE_LOG"
"""Environment variable: path of the log."""
_spent = {"models": 0.0, "codecs": 0.0}
_inside: list[str] = []


def _meter(owner: Any, name: str, kind: str) -> None:
    """Add the processor time of a function or method to `kind`; calls inside calls count once."""
    function: Callable[..., Any] = getattr(owner, name)

    @wraps(function)
    def metered(*args: Any, **options: Any) -> Any:
        if _inside:
            return function(*args, **options)
        _inside.append(kind)
        start = time.process_time()
        try:
            return function(*args, **options)
        finally:
            _spent[kind] += time.process_time() - start
            _inside.pop()

    setattr(owner, name, metered)


def _log(role: str, stage: str) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    line = {
        "role": role,
        "stage": stage,
        "cpu": used.ru_utime + used.ru_stime,
        "peak_bytes": used.ru_maxrss * 1024,
        **_spent,
    }
    with Path(os.environ[LOG]).open("a") as file:
        file.write(json.dumps(line) + "\n")


def _prepare() -> None:
    nulls.register()
    for model, names in (
        (nulls.Halves, ("perceive",)),
        (nulls.Still, ("encode", "decode_whole", "decode_crop", "velocity", "blocks")),
        (nulls.Constant, ("distance", "spatial")),
        (nulls.Lenient, ("judge",)),
    ):
        for name in names:
            _meter(model, name, "models")
    for owner, name in (
        (Image, "open"), (Image.Image, "save"), (ImageFile.ImageFile, "load"), (cv2, "imdecode"),
    ):  # fmt: skip
        _meter(owner, name, "codecs")


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
