"""Say why pairs differ: which params, code, models or photos moved between two versions.

A version records them in its dvc.lock: the values of params.yaml and the digests of the folders
that each stage used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stages import STAGES

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
    "source": ("package",),
    "record": ("package",),
}
"""Aspect of a pair to the stages that make it."""
_CHANGE_NO_PAIR = frozenset({"gate", "version", "licences"})
_WEIGHTS = "weights/"
_PHOTOS, _WORDS = "data/sources/photos", "data/sources/words"


@dataclass(frozen=True)
class Move:
    """One thing that differs between two versions."""

    kind: str
    """``param``, ``code``, ``model`` or ``photos``."""
    what: str
    before: str = ""
    after: str = ""

    def __str__(self) -> str:
        if self.kind == "param":
            return f"{self.what}: {self.before} -> {self.after}"
        return f"{self.kind} {self.what}"


Moves = Mapping[str, tuple[Move, ...]]
"""Stage to what moved in it."""


def find_moves(before: Mapping[str, Any], after: Mapping[str, Any]) -> Moves:
    """Compare the stages of two dvc.lock files; empty if one of them is not known.

    Params that change no pair are left out: gate thresholds, the name of the release, the policy of
    licences.
    """
    if not before or not after:
        return {}
    return {
        stage: tuple(_compare_stage(stage, before.get(stage) or {}, after.get(stage) or {}))
        for stage in STAGES
    }


def _compare_stage(stage: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Move]:
    moves = []
    values = [_flatten(_read_params(entry, stage)) for entry in (before, after)]
    for name in sorted(values[0].keys() | values[1].keys()):
        old, new = (str(found.get(name, "not set")) for found in values)
        if old != new:
            moves.append(Move("param", name, old, new))
    digests = [{d["path"]: d.get("md5", "") for d in e.get("deps", [])} for e in (before, after)]
    for path in sorted(digests[0].keys() | digests[1].keys()):
        if digests[0].get(path) != digests[1].get(path) and (kind := _kind_of(path)):
            moves.append(Move(kind, path))
    return moves


def _read_params(entry: Mapping[str, Any], stage: str) -> dict[str, Any]:
    """Return the sections of params.yaml that are the stage's own, without what changes no pair."""
    sections = (entry.get("params") or {}).get("params.yaml") or {}
    kept = {name: sections[name] for name in ("base", stage) if name in sections}
    return {
        name: {key: v for key, v in value.items() if key not in _CHANGE_NO_PAIR}
        for name, value in kept.items()
        if isinstance(value, dict)
    }


def _flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {prefix: value}
    found: dict[str, Any] = {}
    for name, inner in value.items():
        found |= _flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    return found


def _kind_of(path: str) -> str:
    """Return the kind of a dependency; "" for outputs of other stages, which are consequences."""
    if path in (_PHOTOS, _WORDS):
        return "photos"
    if path.startswith("data/"):
        return ""
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
