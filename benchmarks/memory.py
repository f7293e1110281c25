"""The peak memory of a process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def read_peak() -> int:
    """Return the peak memory of this process in bytes.

    Where there is no /proc, it is at least that of the process which started this one.
    """
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
