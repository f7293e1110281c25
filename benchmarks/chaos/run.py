"""Run a stage or a command of flawfactory with the null back ends, and log what starts.

    python -m benchmarks.chaos.run build

with MODULE=benchmarks.chaos.run in the environment is a build of this benchmark: `stages/run.sh`
runs the module that MODULE names. The log, whose path is in CHAOS_LOG, counts photos apart from the
project's own reports.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.chaos import nulls
from stages import STAGES
from stages.engine.execution import worker
from stages.engine.execution.units import Unit
from stages.engine.stage import Sample
from stages.engine.workspace import CURRENT_STAGE

LOG = "CHAOS_LOG"
"""Environment variable: path of the log."""


def log(event: str, **values: Any) -> None:
    """Append a line to the log: one write, which the processes' lines do not interleave."""
    line = json.dumps({"event": event, "time": time.time(), "pid": os.getpid(), **values}) + "\n"
    file = os.open(os.environ[LOG], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(file, line.encode())
    os.close(file)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read the log's events; empty if nothing was logged yet."""
    lines = path.read_text().splitlines() if path.exists() else []
    return [json.loads(line) for line in lines]


def _log_photos() -> None:
    """Log the start of each photo's computation in this process."""
    load_sample = worker.load_sample

    def logged(unit: Unit) -> Sample:
        log("photo", stage=os.environ[CURRENT_STAGE], key=unit.key)
        return load_sample(unit)

    worker.load_sample = logged


# Worker processes import this module too, as __mp_main__.
if __name__ in ("__main__", "__mp_main__"):
    nulls.register()
    _log_photos()
if __name__ == "__mp_main__":
    log("worker", stage=os.environ[CURRENT_STAGE])
if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1] in STAGES:
        from stages.__main__ import main

        log("stage", stage=sys.argv[1])
        main()
    else:
        from flows.entry import main

        main()
