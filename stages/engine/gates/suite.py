"""Loads a stage's suite of expectations: the engine's and those of its ``gate.json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.engine import codes
from stages.engine.stage import Stage, StageParams
from stages.engine.workspace import FactoryError

COMMON = Path(__file__).with_name("gate.json")
TABLES = ("manifest", "photos", "rejects", "summary")


@dataclass(frozen=True)
class Expectation:
    """An expectation of Great Expectations, with its table and the fields of its ``meta``."""

    table: str
    type: str
    """Great Expectations' name."""
    kwargs: Mapping[str, Any]
    params: tuple[str, ...] = ()
    """Params that it refers to, e.g. ``inject.gate.max_reject_rate``."""
    of_the_set: bool = False
    """Whether it is about a mean or a share over the set: not judged on fewer photos than
    ``gate.min_photos``."""
    says: str = ""
    """What is wrong if it fails."""
    remedy: str = ""
    """What to do if it fails."""
    warns: bool = False
    """Whether a failure is only a warning, which does not fail the gate."""


@dataclass(frozen=True)
class Suite:
    """All expectations of a stage's tables."""

    stage: str
    expectations: Sequence[Expectation]
    min_photos: int
    """Minimum number of photos for expectations about the set."""


@dataclass
class _References:
    """Resolves ``{"$param": "gate.max_reject_rate"}`` and ``{"$set": "codes"}``."""

    stage: str
    params: StageParams
    sets: Mapping[str, Sequence[str]]
    where: Path
    used: list[str] = field(default_factory=list)
    """Params resolved so far, with their section."""

    def resolve(self, value: Any) -> Any:
        """Return `value` with all references replaced, and add the params to `used`.

        Raises:
            FactoryError: there is no such param or set.
        """
        if isinstance(value, dict):
            match list(value.items()):
                case [("$param", name)]:
                    return self._param(name)
                case [("$set", name)]:
                    return list(_set(self.sets, name, self.where))
            return {key: self.resolve(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.resolve(item) for item in value]
        return value

    def _param(self, name: str) -> Any:
        value: Any = self.params
        for part in name.split("."):
            if part not in type(value).model_fields:
                section = type(self.params).__name__
                raise FactoryError(f"{self.where}: {name!r} is not in {section}")
            value = getattr(value, part)
        self.used.append(f"{self.stage}.{name}")
        return value


def _set(sets: Mapping[str, Sequence[str]], name: str, where: Path) -> Sequence[str]:
    if name not in sets:
        raise FactoryError(f"{where}: no set {name!r}; known: {', '.join(sorted(sets))}")
    return sets[name]


def _expand(
    entries: Sequence[Mapping[str, Any]], sets: Mapping[str, Sequence[str]], where: Path
) -> Iterator[Mapping[str, Any]]:
    """The entries; one with ``"each": "<set>"`` once for each value of the set, which takes the
    place of ``$each`` in its texts.

    Raises:
        FactoryError: there is no such set.
    """
    for entry in entries:
        if (name := entry.get("each")) is None:
            yield entry
            continue
        for value in _set(sets, name, where):
            yield _put(entry, value)


def _put(entry: Any, value: str) -> Any:
    """`entry` with `value` in the place of ``$each``."""
    if isinstance(entry, dict):
        return {key: _put(inner, value) for key, inner in entry.items()}
    if isinstance(entry, list):
        return [_put(inner, value) for inner in entry]
    return entry.replace("$each", value) if isinstance(entry, str) else entry


def load_suite(stage: Stage, folder: Path) -> Suite:
    """Load the engine's expectations and those of ``gate.json`` in the stage's `folder`.

    Raises:
        FactoryError: an expectation refers to a param that the stage's section does not have, to a
            set that the stage does not declare, or to a table that no stage has.
    """
    sets = {"codes": codes.names(stage.codes), **stage.sets}
    found: list[Expectation] = []
    for path in (COMMON, folder / "gate.json"):
        for table, entries in json.loads(path.read_text()).items():
            if table not in TABLES:
                raise FactoryError(f"{path}: no table {table!r}; known: {', '.join(TABLES)}")
            for entry in _expand(entries, sets, path):
                references = _References(stage.name, stage.params, sets, path)
                kwargs = references.resolve(entry["kwargs"])
                meta = entry.get("meta", {})
                params = tuple(references.used)
                found.append(Expectation(table, entry["type"], kwargs, params, **meta))
    return Suite(stage.name, found, stage.params.gate.min_photos)
