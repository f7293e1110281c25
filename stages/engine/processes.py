"""Tell processes apart whose numbers are the same: numbers are used again after a restart."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import psutil


def identify_process(pid: int) -> str | None:
    """Return a string that no other process has had or will have; None if the process has ended.

    On Linux it consists of the boot's id, the process's number and its start in clock ticks since
    the boot: none of these moves when the clock is set. A container that is started again gives the
    same numbers to its processes, but not the same starts. Elsewhere the start is the time of day.
    """
    try:
        # From the third field on (proc_pid_stat(5)): state, ..., start in clock ticks.
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if after_name[0] in "ZX" else f"{_boot()} {pid} {after_name[19]}"
    except (OSError, IndexError):
        pass
    try:
        return f"{pid} {psutil.Process(pid).create_time():.2f}"
    except psutil.NoSuchProcess:
        return None
    except psutil.AccessDenied:
        return f"{pid}"


@cache
def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
