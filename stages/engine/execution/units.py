"""Units: a stage's photos, with the places of their inputs and the keys of their results."""

from __future__ import annotations

import fnmatch
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.engine.provenance import stage_digest, unit_key
from stages.engine.stage import Sample, SourceEntry, Stage
from stages.engine.storage.shard import Member, read_member
from stages.engine.storage.tables import PhotoEntry, read_photos
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


def _select_members(entry: PhotoEntry, patterns: tuple[str, ...]) -> dict[str, Member]:
    return {
        name: place
        for name, place in entry.places.items()
        if name == DOCUMENT or any(fnmatch.fnmatchcase(name, p) for p in patterns)
    }


def upstream_units(stage: Stage, data: Path) -> list[Unit]:
    """Return a unit for each photo that the direct upstream accepted, in the order of the source
    list.

    Raises:
        FactoryError: an upstream stage has not run, or lacks a photo of the direct upstream.
    """
    digest = stage_digest(stage)
    upstreams = {name: read_photos(data / name) for name in stage.reads}
    by_key = {name: {e.key: e for e in entries} for name, entries in upstreams.items()}
    units = []
    for entry in upstreams[next(iter(stage.reads))]:
        if lacking := [name for name in stage.reads if entry.key not in by_key[name]]:
            raise FactoryError(f"{lacking[0]} has no photo {entry.key}; run `dvc repro`")
        entries = {name: by_key[name][entry.key] for name in stage.reads}
        places = {name: _select_members(e, stage.reads[name]) for name, e in entries.items()}
        inputs = {
            name: {member: place.sha256 for member, place in found.items()}
            for name, found in places.items()
        }
        shards = {name: str(data / name / e.shard) for name, e in entries.items()}
        key = unit_key(digest, {"key": entry.key, "members": inputs})
        units.append(Unit(entry.key, entry.position, key, shards, places, {}))
    return units


def source_units(stage: Stage, entries: list[SourceEntry]) -> list[Unit]:
    """Return the units of the first stage, whose inputs are lines of the source list."""
    digest = stage_digest(stage)
    return [
        Unit(
            entry.key,
            entry.position,
            unit_key(digest, {"key": entry.key, "source": entry.source}),
            {},
            {},
            {"source": entry.source, "place": entry.place},
        )
        for entry in entries
    ]


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
