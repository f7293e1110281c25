"""Say why pairs differ: which params, code, models or photos moved between two versions.

A version records them in its dvc.lock (the values of params.yaml, the digests of the folders that
each stage used) and in ``package/provenance.json`` (`flows.comparison.provenance`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from flows.comparison.moves import Move, Moves, compare_params
from stages import STAGES
from stages.filter.reviews import FOLDER as REVIEWS

STAGES_OF_ASPECT: Mapping[str, tuple[str, ...]] = {
    "photo": ("ingest",),
    "caption": ("perceive",),
    "mapping": ("perceive", "map"),
    "picture": ("invert", "inject"),
    "control": ("invert", "inject"),
    "mask": ("inject",),
    "flaws": ("map", "inject", "filter", "explain"),
    "verdict": ("filter",),
    "scores": ("filter",),
    "text": ("explain",),
    "calls": ("perceive", "filter", "explain"),
    "source": ("package",),
    "format": ("package",),
    "record": ("package",),
}
"""Aspect of a pair to the stages that make it."""
_LAST = STAGES[-1]
_WEIGHTS = "weights/"
_PHOTOS, _WORDS = "data/sources/photos", "data/sources/words"


def find_moves(before: Mapping[str, Any], after: Mapping[str, Any]) -> Moves:
    """Compare the stages of two dvc.lock files; empty if one of them is not known.

    Params that change no pair are left out: gate thresholds, the name of the release, the policy of
    licences.
    """
    if not before or not after:
        return {}
    found = {
        stage: list(_compare_stage(stage, before.get(stage) or {}, after.get(stage) or {}))
        for stage in STAGES
    }
    # Package depends on the code of all stages, because the records name it.
    others = {move for stage in STAGES if stage != _LAST for move in found[stage]}
    found[_LAST] = [move for move in found[_LAST] if move not in others or move.kind == "param"]
    return {stage: tuple(moves) for stage, moves in found.items()}


def refine_moves(moves: Moves, recorded: Moves) -> Moves:
    """Combine the moves of two dvc.lock files with those of two provenance files.

    dvc.lock names folders, of which a stage may use a part; provenance files name the files, but
    neither photos nor review files nor all of section ``base``. One that is empty is not known.
    """
    if not moves or not recorded:
        return recorded or moves
    return {
        stage: (
            *(move for move in moves[stage] if move.kind in ("param", "photos", "reviews")),
            *(move for move in recorded[stage] if move.kind != "param"),
        )
        for stage in STAGES
    }


def _compare_stage(
    stage: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Move]:
    yield from compare_params(*(_read_params(entry, stage) for entry in (before, after)))
    digests = [{d["path"]: d.get("md5", "") for d in e.get("deps", [])} for e in (before, after)]
    for path in sorted(digests[0].keys() | digests[1].keys()):
        if digests[0].get(path) != digests[1].get(path) and (kind := _kind_of(path)):
            yield Move(kind, path)


def _read_params(entry: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Return the sections of params.yaml that are the stage's own."""
    sections = (entry.get("params") or {}).get("params.yaml") or {}
    return {name: sections[name] for name in ("base", stage) if name in sections}


def _kind_of(path: str) -> str:
    """Return the kind of a dependency; "" for outputs of other stages, which are consequences."""
    if path in (_PHOTOS, _WORDS):
        return "photos"
    if path.startswith("data/"):
        return ""
    if path == REVIEWS:
        return "reviews"
    return "model" if path.startswith(_WEIGHTS) else "code"


def explain(aspect: str, moves: Moves) -> tuple[Move, ...]:
    """Return what may have changed an aspect: what moved in the stages that make it or, if nothing
    did, in the nearest stage before them; empty if nothing is known to have moved."""
    stages = STAGES_OF_ASPECT[aspect]
    if found := _collect(stages, moves):
        return found
    first = STAGES.index(stages[0])
    for stage in reversed(STAGES[:first]):
        if found := _collect((stage,), moves):
            return found
    return ()


def explain_stage(stage: str, moves: Moves) -> tuple[Move, ...]:
    """Return what moved in a stage or, if nothing did, in the nearest stage before it."""
    for name in reversed(STAGES[: STAGES.index(stage) + 1]):
        if found := _collect((name,), moves):
            return found
    return ()


def _collect(stages: Iterable[str], moves: Moves) -> tuple[Move, ...]:
    return tuple(dict.fromkeys(move for stage in stages for move in moves.get(stage, ())))
