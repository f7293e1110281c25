"""The registry of tools: a new one is a file beside this and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from stages.map import add, distort, fuse, remove
from stages.map.pairs import Kernel
from stages.records.documents import Tool

KERNELS: Mapping[Tool, Mapping[str, Kernel]] = {
    "add": add.KERNELS,
    "remove": remove.KERNELS,
    "distort": distort.KERNELS,
    "fuse": fuse.KERNELS,
}
"""Tool to kernel name to kernel."""
