"""What people call a photo: the path of its file in the source list."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from stages.engine.stage import Reject

KEY_LENGTH = 16
"""A photo's key: so many digits of its file's sha256 (`record.Photo`)."""


def paths(source_list: Path, rejects: Iterable[Reject]) -> dict[str, str]:
    """Photo key to path, as far as the list and the rejects' evidence tell. Of several files with
    the same bytes it is the first."""
    found = {r.key: str(r.evidence["path"]) for r in rejects if r.evidence.get("path")}
    lines = source_list.read_bytes().split(b"\n") if source_list.is_file() else []
    for line in filter(None, lines):
        entry = json.loads(line)
        if entry.get("sha256") and entry.get("path"):
            found.setdefault(entry["sha256"][:KEY_LENGTH], entry["path"])
    return found


def readable(name: str, paths: dict[str, str]) -> str:
    """``<photo>`` or ``<photo>-<variant>`` as ``folder/photo.jpg (v1)``."""
    key, _, variant = name.partition("-")
    path = paths.get(key, key)
    return f"{path} ({variant})" if variant else path
