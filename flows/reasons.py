"""Why a stage is stale, in words: from what DVC reports to the values that changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.repository import locked_stages

PARAMS = "params.yaml"
OUTPUT = "output "
"""Reasons that begin so are of an output that is not as it was left, not of what it comes from."""
NOT_BUILT = "not built yet"


def changed_values(old: Any, new: Any, name: str) -> Iterator[str]:
    """Every leaf that differs, as ``filter.lpips.low: 0.1 -> 0.12``."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from changed_values(old.get(key), new.get(key), f"{name}.{key}")
    elif old != new:
        yield f"{name}: {old} -> {new}"


def locked_params(root: Path) -> dict[str, dict[str, Any]]:
    """Stage to the sections of params.yaml it last ran with; empty before the first build."""
    return {
        name: entry.get("params", {}).get(PARAMS, {}) for name, entry in locked_stages(root).items()
    }


def reasons(entries: list[Any], locked: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    """DVC's status of one stage, a line a reason.

    Args:
        entries: what DVC's status holds for the stage.
        locked: sections of params.yaml it last ran with.
        current: sections as they are now.
    """
    for entry in entries:
        if not isinstance(entry, dict):
            yield str(entry)
            continue
        for kind, changes in entry.items():
            for name, change in changes.items():
                if name != PARAMS or not isinstance(change, dict):
                    yield f"{OUTPUT if kind == 'changed outs' else ''}{name} {change}"
                    continue
                for section, word in change.items():
                    old, new = locked.get(section), current.get(section)
                    leaves = list(changed_values(old, new, section)) if old is not None else []
                    yield from leaves or [f"{section} {word}"]
