"""Names of photos for people: the name of the photo's file in the source list."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from stages.engine.stage import Reject
from stages.engine.storage.source_list import Names, SourceListError


def file_names(source_list: Path, rejects: Iterable[Reject]) -> dict[str, str]:
    """Map photo keys to file names, for the photos that the source list knows.

    Of several files with the same bytes the first one in use is named, unless a reject's evidence
    holds the number of its line. Empty if the list cannot be read.
    """
    try:
        names = Names.of_list(source_list)
    except SourceListError:  # a message with keys is better than none
        return {}
    lines = {r.key: line for r in rejects if isinstance(line := r.evidence.get("line"), int)}
    return names.by_key | {key: names.name(key, line) for key, line in lines.items()}


def display_name(name: str, file_names: dict[str, str]) -> str:
    """Turn ``<photo>`` or ``<photo>-<variant>`` into ``folder/photo.jpg (v1)``."""
    key, _, variant = name.partition("-")
    file = file_names.get(key, key)
    return f"{file} ({variant})" if variant else file
