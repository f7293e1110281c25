"""What people call a photo: the name of its file in the source list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stages.engine.stage import Reject
from stages.engine.storage.source_list import Names, SourceListError


def paths(source_list: Path, rejects: Iterable[Reject]) -> dict[str, str]:
    """Photo key to the file's name, as far as the list tells; a reject may name its line there. Of
    several files with the same bytes it is the first in use."""
    try:
        names = Names.of_list(source_list)
    except SourceListError:  # what was to be told matters more
        return {}
    lines = {r.key: line for r in rejects if isinstance(line := r.evidence.get("line"), int)}
    return names.by_key | {key: names.name(key, line) for key, line in lines.items()}


def readable(name: str, paths: dict[str, str]) -> str:
    """``<photo>`` or ``<photo>-<variant>`` as ``folder/photo.jpg (v1)``."""
    key, _, variant = name.partition("-")
    path = paths.get(key, key)
    return f"{path} ({variant})" if variant else path
