"""Compare what two versions record of their stages: metrics, thresholds of gates, sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.comparison.versions import Version
from stages import STAGES
from stages.engine.gates.summary import load_metrics

_FOLDER = Path(__file__).parents[2] / "stages"


@dataclass(frozen=True)
class Difference:
    """A number of a stage that differs."""

    stage: str
    kind: str
    """``metric``, ``threshold`` (of the stage's gate) or ``size`` (of its output)."""
    name: str
    before: str
    """Empty if the version does not have it."""
    after: str
    meaning: str = ""
    """With the unit; empty for counts and thresholds."""


def compare_stages(before: Version, after: Version) -> list[Difference]:
    """Compare metrics, gate thresholds and sizes, in the order of the stages.

    Counts by tool are left out (`shifts` compares them), and so are metrics of older versions of
    flawfactory that this one no longer writes.
    """
    locks = before.files.lock(), after.files.lock()
    found: list[Difference] = []
    for stage in STAGES:
        meanings = load_metrics(_FOLDER / stage)
        old, new = before.metrics(stage), after.metrics(stage)
        for name in sorted(old.keys() & new.keys()):
            if old[name] != new[name] and ("." not in name or name in meanings):
                values = _format(old[name]), _format(new[name])
                found.append(Difference(stage, "metric", name, *values, meanings.get(name, "")))
        entries = [lock.get(stage) or {} for lock in locks]
        found += _compare_entries(stage, *entries)
    return found


def _compare_entries(
    stage: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[Difference]:
    """Compare a stage's entries of two dvc.lock files."""
    if not before or not after:
        return
    gates = _read_gate(before, stage), _read_gate(after, stage)
    for name in sorted(gates[0].keys() | gates[1].keys()):
        old, new = (_format(gate.get(name, "")) for gate in gates)
        if old != new:
            yield Difference(stage, "threshold", name, old, new)
    for name, meaning in (("size", "bytes of the output"), ("nfiles", "files in the output")):
        old, new = (
            sum(o.get(name) or 0 for o in entry.get("outs", [])) for entry in (before, after)
        )
        if old != new:
            yield Difference(stage, "size", name, f"{old:,}", f"{new:,}", meaning)


def _read_gate(entry: Mapping[str, Any], stage: str) -> Mapping[str, Any]:
    section = ((entry.get("params") or {}).get("params.yaml") or {}).get(stage)
    gate = section.get("gate") if isinstance(section, dict) else None
    return gate if isinstance(gate, dict) else {}


def _format(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
