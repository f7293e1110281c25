"""Say what moved between two versions that have ``package/provenance.json``: params, source files,
prompts, models. It names single files, and is there without a checkout."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from flows.comparison.moves import Move, Moves, compare_params
from stages import STAGES

_MAX_FILES = 3
"""Files of one folder that are named; of more, only their number."""
_BASE = ("seed", "profile", "photos_per_shard")


def compare_provenance(before: Mapping[str, Any], after: Mapping[str, Any]) -> Moves:
    """Compare the contents of two provenance files; empty if one of them is not known."""
    if not before or not after:
        return {}
    entries = [{e["stage"]: e for e in found["stages"]} for found in (before, after)]
    base = [{"base": {name: found.get(name) for name in _BASE}} for found in (before, after)]
    return {
        stage: tuple(_compare_stage(stage, *(each.get(stage, {}) for each in entries), *base))
        for stage in STAGES
    }


def _compare_stage(
    stage: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    base_before: Mapping[str, Any],
    base_after: Mapping[str, Any],
) -> Iterator[Move]:
    yield from compare_params(
        {**base_before, stage: {**before.get("params", {}), **before.get("layout", {})}},
        {**base_after, stage: {**after.get("params", {}), **after.get("layout", {})}},
    )
    yield from _compare_files(before.get("files", {}), after.get("files", {}))
    yield from _compare_models(before.get("models", ()), after.get("models", ()))


def _compare_files(before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Move]:
    folders: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            folders[str(PurePosixPath(path).parent)].append(path)
    for folder, paths in folders.items():
        prompts = [path for path in paths if path.endswith(".md")]
        yield from (Move("prompt", path) for path in prompts)
        code = [path for path in paths if path not in prompts]
        if len(code) > _MAX_FILES:
            yield Move("code", f"{folder} ({len(code)} files)")
        else:
            yield from (Move("code", path) for path in code)


def _compare_models(
    before: Sequence[Mapping[str, str]], after: Sequence[Mapping[str, str]]
) -> Iterator[Move]:
    """Compare the models of each role; what follows from the code alone is left out."""
    roles = [_by_role(found) for found in (before, after)]
    for role in sorted(roles[0].keys() | roles[1].keys()):
        old, new = (", ".join(sorted(found.get(role, ()))) for found in roles)
        if old != new:
            yield Move("model", role, old or "none", new or "none")


def _by_role(models: Sequence[Mapping[str, str]]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for model in models:
        options = model["options"] if model["options"] != "{}" else ""
        words = (
            model["back_end"],
            model["weights"],
            model["source"],
            model["sha256"][:12],
            options,
        )
        found[model["role"]].add(" ".join(filter(None, words)))
    return found
