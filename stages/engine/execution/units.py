"""Units: a stage's photos, with the places of their inputs and the keys of their results."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from stages.engine.provenance import stage_digest, unit_key
from stages.engine.stage import Sample, SourceEntry, Stage
from stages.engine.storage.shard import Member, read_member
from stages.engine.storage.tables import PhotoEntry, iterate_photos
from stages.engine.workspace import FactoryError

DOCUMENT = "json"
"""Member name of a sample's document in its shard."""


@dataclass(frozen=True)
class Unit:
    """One photo at one stage: what a worker needs to load the inputs and to store the result."""

    key: str
    """The photo's key."""
    position: int
    """Line in the source list."""
    store_key: str
    """Key of the result in the store."""
    shards: dict[str, str]
    """Upstream stage to the path of the photo's shard."""
    places: dict[str, dict[str, Member]]
    """Upstream stage to the members that this stage reads, among them the document."""
    documents: dict[str, dict[str, Any]]
    """Documents that are not in a shard: those of the source list."""


class Ref(NamedTuple):
    """What the driver remembers of every unit."""

    key: str
    """The photo's key."""
    position: int
    """Line in the source list."""
    store_key: str


class Units(Collection[Unit]):
    """Units that are made anew each time they are iterated, so that memory holds one of them."""

    def __init__(self, source: Iterable[Unit], keys: Collection[str]) -> None:
        """Take those of `source` whose photo is in `keys`."""
        self._source, self._keys = source, keys

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[Unit]:
        return (unit for unit in self._source if unit.key in self._keys)

    def __contains__(self, unit: object) -> bool:
        return isinstance(unit, Unit) and unit.key in self._keys


def _select_members(entry: PhotoEntry, patterns: tuple[str, ...]) -> dict[str, Member]:
    return {
        name: place
        for name, place in entry.places.items()
        if name == DOCUMENT or any(fnmatch.fnmatchcase(name, p) for p in patterns)
    }


@dataclass(frozen=True)
class _StageUnits:
    """Units whose keys are those of the code that the first pass has read."""

    stage: Stage

    @cached_property
    def digest(self) -> str:
        """The part of the keys that is not about the photo."""
        return stage_digest(self.stage)


@dataclass(frozen=True)
class UpstreamUnits(_StageUnits):
    """A unit for each photo that the direct upstream accepted, in the order of the source list.

    Iterating raises FactoryError if an upstream stage has not run, or lacks a photo of the direct
    upstream.
    """

    data: Path

    def __iter__(self) -> Iterator[Unit]:
        stage, digest = self.stage, self.digest
        direct, *others = stage.reads
        # All tables are in the order of the source list: one pass over each finds every photo.
        tables = {name: iterate_photos(self.data / name) for name in others}
        for entry in iterate_photos(self.data / direct):
            entries = {direct: entry}
            for name, table in tables.items():
                found = next((other for other in table if other.key == entry.key), None)
                if found is None:
                    raise FactoryError(f"{name} has no photo {entry.key}; run `dvc repro`")
                entries[name] = found
            places = {name: _select_members(e, stage.reads[name]) for name, e in entries.items()}
            inputs = {
                name: {member: place.sha256 for member, place in found.items()}
                for name, found in places.items()
            }
            shards = {name: str(self.data / name / e.shard) for name, e in entries.items()}
            key = unit_key(digest, {"key": entry.key, "members": inputs})
            yield Unit(entry.key, entry.position, key, shards, places, {})


@dataclass(frozen=True)
class SourceUnits(_StageUnits):
    """The units of the first stage, whose inputs are lines of the source list."""

    entries: Sequence[SourceEntry]

    def __iter__(self) -> Iterator[Unit]:
        for entry in self.entries:
            key = unit_key(self.digest, {"key": entry.key, "source": entry.source})
            documents = {"source": entry.source, "place": entry.place}
            yield Unit(entry.key, entry.position, key, {}, {}, documents)


def load_sample(unit: Unit) -> Sample:
    """Read a unit's inputs.

    Raises:
        ValueError: an upstream shard is damaged.
    """
    documents, members = dict(unit.documents), {}
    for stage, places in unit.places.items():
        for name, place in places.items():
            data = read_member(Path(unit.shards[stage]), place)
            if name == DOCUMENT:
                documents[stage] = json.loads(data)
            else:
                members[f"{stage}/{name}"] = data
    return Sample(unit.key, documents, members)
