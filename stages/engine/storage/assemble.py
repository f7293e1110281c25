"""From the store to a stage's output folder: shards, manifests, rejects."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.engine.execution.units import DOCUMENT, Unit
from stages.engine.files import canonical_json
from stages.engine.stage import Assembled, Reject, RejectPhoto, Stage
from stages.engine.storage.shard import write_shard
from stages.engine.storage.store import Store
from stages.engine.storage.tables import (
    MANIFEST,
    PHOTO_COLUMNS,
    PHOTOS,
    REJECT_COLUMNS,
    REJECTS,
    PhotoEntry,
    photo_row,
    reject_row,
    write_table,
)
from stages.engine.workspace import FactoryError


class ResultsLost(FactoryError):
    """Results are not in the store, or were damaged there (and are not any more)."""


@dataclass
class Assembly:
    """What became of a stage's photos, as its tables show it."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    photos: list[dict[str, Any]] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)

    @property
    def accepted(self) -> list[str]:
        """Keys of the photos that go on."""
        return [photo["key"] for photo in self.photos]


def assemble(
    stage: Stage,
    store: Store,
    units: list[Unit],
    failures: list[Reject],
    folder: Path,
) -> Assembly:
    """Write `folder` from the results in the store; `failures` are units that left none.

    The order is the source list's, so the bytes do not depend on who computed what when.

    Raises:
        ResultsLost: the folder is not whole then. No damaged result of these units is left in the
            store: to compute what is missing and assemble again is enough.
    """
    out = Assembly(rejects=list(failures))
    failed = {reject.key for reject in failures}
    ordered = sorted((u for u in units if u.key not in failed), key=lambda u: u.position)

    outputs = _accepted(stage, store, ordered, out)
    if folder.is_dir():  # its files may be links into DVC's cache: never write over them
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if stage.own_layout:
        out.rows = stage.assemble(_noted(outputs, out), folder)
    else:
        _write_shards(stage, outputs, folder, out)
    out.rows = stage.finish(out.rows)
    out.rejects.sort(key=lambda r: (r.key, r.variant or "", r.code))
    write_table(folder / MANIFEST, out.rows)
    write_table(folder / PHOTOS, out.photos, PHOTO_COLUMNS)
    write_table(folder / REJECTS, [reject_row(r) for r in out.rejects], REJECT_COLUMNS)
    return out


def _accepted(stage: Stage, store: Store, units: list[Unit], out: Assembly) -> Iterator[Assembled]:
    """Read results one by one: memory holds one photo at a time."""
    for number, unit in enumerate(units):
        result = store.get(unit.store_key)
        if result is None:
            for later in units[number + 1 :]:
                store.get(later.store_key)
            raise ResultsLost(f"the store lost {unit.key} ({unit.store_key}); run the stage again")
        if result.document is None:
            out.rejects += result.rejects
            continue
        kept = Assembled(unit.position, unit.key, result.document, result.members)
        try:
            kept, sifted = stage.sift(kept)
        except RejectPhoto as why:  # its variants go with it
            out.rejects.append(Reject(unit.key, None, why.code, why.message, why.evidence))
            continue
        out.rejects += [*result.rejects, *sifted]
        yield kept


def _noted(outputs: Iterator[Assembled], out: Assembly) -> Iterator[Assembled]:
    for output in outputs:
        out.photos.append(photo_row(PhotoEntry(output.key, output.position, "", {}), 0))
        yield output


def _write_shards(stage: Stage, outputs: Iterator[Assembled], folder: Path, out: Assembly) -> None:
    size = stage.base.photos_per_shard
    for number, group in groupby(outputs, key=lambda output: output.position // size):
        shard = f"shard-{number:05d}.tar"
        written: list[tuple[Assembled, int]] = []
        index = write_shard(folder / shard, _samples(stage, group, out, written))
        out.photos += [
            photo_row(PhotoEntry(o.key, o.position, shard, index[o.key]), rows)
            for o, rows in written
        ]


def _samples(
    stage: Stage, group: Iterator[Assembled], out: Assembly, written: list[tuple[Assembled, int]]
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """A shard's samples; notes manifest rows and who was written on the way."""
    for output in group:
        rows = stage.rows(output.document)
        out.rows += rows
        written.append((replace(output, members={}), len(rows)))
        yield output.key, {**output.members, DOCUMENT: canonical_json(output.document)}
