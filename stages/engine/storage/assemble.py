"""Writes a stage's output folder from the store: shards, manifests, rejects."""

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
    """Results are missing in the store; damaged ones have been removed from it."""


@dataclass
class Assembly:
    """The contents of a stage's tables."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    """Of the manifest."""
    photos: list[dict[str, Any]] = field(default_factory=list)
    """Rows of photos.parquet, one for each accepted photo."""
    rejects: list[Reject] = field(default_factory=list)

    @property
    def accepted(self) -> list[str]:
        """Keys of the accepted photos."""
        return [photo["key"] for photo in self.photos]


def assemble(
    stage: Stage,
    store: Store,
    units: list[Unit],
    failures: list[Reject],
    folder: Path,
) -> Assembly:
    """Write `folder` from the results in the store.

    Outputs are in the order of the source list, so the bytes do not depend on which worker computed
    what and when.

    Args:
        stage: the stage.
        store: holds a result for each unit that is not in `failures`.
        units: the photos.
        failures: rejects without a result in the store.
        folder: the output folder; replaced if it exists.

    Raises:
        ResultsLost: a result is missing. `folder` is then incomplete, and no damaged result of
            these units is left in the store: compute the missing ones and assemble again.
    """
    out = Assembly(rejects=list(failures))
    failed = {reject.key for reject in failures}
    ordered = sorted((u for u in units if u.key not in failed), key=lambda u: u.position)

    outputs = _read_outputs(stage, store, ordered, out)
    if folder.is_dir():  # its files may be hard links into DVC's cache: never write to them
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if stage.own_layout:
        out.rows = stage.assemble(_record_photos(outputs, out), folder)
    else:
        _write_shards(stage, outputs, folder, out)
    out.rows = stage.finish(out.rows)
    out.rejects.sort(key=lambda r: (r.key, r.variant or "", r.code))
    write_table(folder / MANIFEST, out.rows)
    write_table(folder / PHOTOS, out.photos, PHOTO_COLUMNS)
    write_table(folder / REJECTS, [reject_row(r) for r in out.rejects], REJECT_COLUMNS)
    return out


def _read_outputs(
    stage: Stage, store: Store, units: list[Unit], out: Assembly
) -> Iterator[Assembled]:
    """Yield the accepted outputs one by one, so that memory holds one photo at a time; add the
    rejects to `out`."""
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
        except RejectPhoto as reject:  # its variants' rejects are dropped
            reason = (reject.code, reject.message, reject.evidence)
            out.rejects.append(Reject(unit.key, None, *reason))
            continue
        out.rejects += [*result.rejects, *sifted]
        yield kept


def _record_photos(outputs: Iterator[Assembled], out: Assembly) -> Iterator[Assembled]:
    """Yield the outputs and add each photo to `out`, without its place in a shard."""
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
    """Yield a shard's samples; add their rows to `out`, and the outputs without members and with
    their number of rows to `written`."""
    for output in group:
        rows = stage.rows(output.document)
        out.rows += rows
        written.append((replace(output, members={}), len(rows)))
        yield output.key, {**output.members, DOCUMENT: canonical_json(output.document)}
