"""Explain why a stage is stale: turn DVC's status into lines that name the changed values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.repository import locked_stages

PARAMS = "params.yaml"
OUTPUT_PREFIX = "output "
"""Prefix of reasons that concern a changed output, not a changed input."""
NOT_BUILT = "not built yet"


def changed_values(old: Any, new: Any, name: str) -> Iterator[str]:
    """Yield a line for each leaf that differs, such as ``filter.lpips.low: 0.1 -> 0.12``."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            yield from changed_values(old.get(key), new.get(key), f"{name}.{key}")
    elif old != new:
        yield f"{name}: {old} -> {new}"


def locked_params(root: Path) -> dict[str, dict[str, Any]]:
    """Map stages to the sections of params.yaml they last ran with; empty before any build."""
    return {
        name: entry.get("params", {}).get(PARAMS, {}) for name, entry in locked_stages(root).items()
    }


def reasons(entries: list[Any], locked: dict[str, Any], current: dict[str, Any]) -> Iterator[str]:
    """Yield the reasons why one stage is stale, one line each.

    Args:
        entries: the stage's entries in DVC's status.
        locked: the sections of params.yaml that the stage last ran with.
        current: the sections as they are now.
    """
    for entry in entries:
        if not isinstance(entry, dict):
            yield str(entry)
            continue
        for kind, changes in entry.items():
            for name, change in changes.items():
                if name != PARAMS or not isinstance(change, dict):
                    yield f"{OUTPUT_PREFIX if kind == 'changed outs' else ''}{name} {change}"
                    continue
                for section, word in change.items():
                    old, new = locked.get(section), current.get(section)
                    leaves = list(changed_values(old, new, section)) if old is not None else []
                    yield from leaves or [f"{section} {word}"]
