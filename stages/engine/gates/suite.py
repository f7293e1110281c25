"""A stage's suite of expectations: its ``gate.json`` and the engine's, with what they refer to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stages.engine import codes
from stages.engine.stage import Stage, StageParams
from stages.engine.workspace import FactoryError
from stages.records.documents import TOOLS

COMMON = Path(__file__).with_name("gate.json")
TABLES = ("manifest", "photos", "rejects", "summary")


@dataclass(frozen=True)
class Expectation:
    """One of Great Expectations' own, and what its ``meta`` says."""

    table: str
    type: str
    kwargs: Mapping[str, Any]
    params: tuple[str, ...] = ()
    """Values of params.yaml that it holds the stage to, as ``inject.gate.max_reject_rate``."""
    of_the_set: bool = False
    """About the set as a whole (a mean, a share): not judged on fewer than ``least_photos``."""
    says: str = ""
    """What is wrong when it fails, in words."""
    remedy: str = ""


@dataclass(frozen=True)
class Suite:
    """What a stage's tables must be."""

    stage: str
    expectations: Sequence[Expectation]
    least_photos: int


@dataclass
class _References:
    """``{"$param": "gate.max_reject_rate"}`` and ``{"$set": "codes"}`` to what they stand for."""

    stage: str
    params: StageParams
    sets: Mapping[str, Sequence[str]]
    where: Path
    met: list[str] = field(default_factory=list)

    def resolve(self, value: Any) -> Any:
        """`value` with all references replaced; notes the params.

        Raises:
            FactoryError: there is no such param or set.
        """
        if isinstance(value, dict):
            match list(value.items()):
                case [("$param", name)]:
                    return self._param(name)
                case [("$set", name)] if name in self.sets:
                    return list(self.sets[name])
                case [("$set", name)]:
                    known = ", ".join(sorted(self.sets))
                    raise FactoryError(f"{self.where}: no set {name!r}; known: {known}")
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
        self.met.append(f"{self.stage}.{name}")
        return value


def load_suite(stage: Stage, folder: Path) -> Suite:
    """The engine's own expectations and those of ``gate.json`` in the stage's `folder`.

    Raises:
        FactoryError: an expectation names a param that the stage's section does not have, a set
            that it does not declare, or a table that no stage has.
    """
    sets = {"codes": codes.names(stage.codes), "tools": TOOLS, **stage.sets}
    found: list[Expectation] = []
    for path in (COMMON, folder / "gate.json"):
        for table, entries in json.loads(path.read_text()).items():
            if table not in TABLES:
                raise FactoryError(f"{path}: no table {table!r}; known: {', '.join(TABLES)}")
            for entry in entries:
                references = _References(stage.name, stage.params, sets, path)
                kwargs = references.resolve(entry["kwargs"])
                told = entry.get("meta", {})
                params = tuple(references.met)
                found.append(Expectation(table, entry["type"], kwargs, params, **told))
    return Suite(stage.name, found, stage.params.gate.least_photos)
