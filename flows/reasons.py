"""Why a stage is stale, in words: from what DVC reports to the values that changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from stages.engine.workspace import FactoryError

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


def locked_stages(root: Path) -> dict[str, dict[str, Any]]:
    """What dvc.lock says of each stage that was built; empty before the first build.

    Raises:
        FactoryError: the file is empty, damaged or in the middle of a merge.
    """
    path = root / "dvc.lock"
    try:
        stages = yaml.safe_load(path.read_text(encoding="utf-8"))["stages"]
        return {str(name): dict(entry) for name, entry in stages.items()}
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError, LookupError, TypeError, ValueError, AttributeError):
        raise FactoryError(
            f"{path} is empty, damaged or holds a merge's conflict markers: take one version of it "
            "(`git checkout HEAD -- dvc.lock`, or --ours, --theirs), then run `flawfactory build`"
        ) from None


def locked_params(root: Path) -> dict[str, dict[str, Any]]:
    """Stage to the sections of params.yaml it last ran with; empty before the first build.

    Raises:
        FactoryError: dvc.lock cannot be read.
    """
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
