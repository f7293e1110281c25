"""Writes a stage's output folder from the store: shards, manifests, rejects."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.engine.execution.units import DOCUMENT, Unit
from stages.engine.files import canonical_json
from stages.engine.stage import Assembled, Reject, RejectPhoto, Stage
from stages.engine.storage.shard import write_shard
from stages.engine.storage.store import Result, Store
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
    offered: set[tuple[str, str]] = field(default_factory=set)
    """The (photo, variant) pairs among which `Stage.sift_block` chose, and those that were rejected
    before."""

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

    outputs = _read_outputs(stage, _Results(store, ordered), out)
    if folder.is_dir():  # its files may be hard links into DVC's cache: never write to them
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    if stage.own_layout:
        out.rows = stage.assemble(_record_photos(outputs, out), folder)
    else:
        _write_shards(stage, outputs, folder, out)
    out.rows = stage.finish(out.rows)
    out.rejects.sort(key=lambda r: (r.key, r.variant or "", r.code))
    write_table(folder / MANIFEST, out.rows, stage.columns())
    write_table(folder / PHOTOS, out.photos, PHOTO_COLUMNS)
    write_table(folder / REJECTS, [reject_row(r) for r in out.rejects], REJECT_COLUMNS)
    stage.describe(folder, out.rows)
    return out


@dataclass(frozen=True)
class _Results:
    """The results of the units to assemble, read from the store."""

    store: Store
    units: Sequence[Unit]

    def read(self, units: Sequence[Unit]) -> Iterator[tuple[Unit, Result]]:
        """Read the results of some of the units, in order.

        Raises:
            ResultsLost: one is missing. All of all units have then been checked.
        """
        found = self.store.read(unit.store_key for unit in units)
        for unit, result in zip(units, found, strict=True):
            if result is None:
                for _ in self.store.read(other.store_key for other in self.units):
                    pass  # removes those that are damaged
                message = f"the store lost {unit.key} ({unit.store_key}); run the stage again"
                raise ResultsLost(message)
            yield unit, result


def _read_outputs(stage: Stage, results: _Results, out: Assembly) -> Iterator[Assembled]:
    """Yield the accepted outputs one by one, so that memory holds one photo at a time; add the
    rejects to `out`."""
    if not stage.sifts_blocks:
        yield from _read_photos(stage, results, results.units, out)
        return
    size = stage.base.photos_per_shard
    for _, units in groupby(results.units, key=lambda unit: unit.position // size):
        yield from _read_block(stage, results, list(units), out)


def _read_block(
    stage: Stage, results: _Results, units: list[Unit], out: Assembly
) -> Iterator[Assembled]:
    """Yield the outputs of a block without the variants and photos that `Stage.sift_block` rejects.

    The results are read twice, first for their rows only, so that memory does not hold the block's
    documents and members.
    """
    first = Assembly()
    outputs = _read_photos(stage, results, units, first)
    rows = [row for output in outputs for row in stage.rows(output.document)]
    out.offered |= {(row["key"], row["variant"]) for row in rows}
    out.offered |= {(r.key, r.variant) for r in first.rejects if r.variant is not None}
    sifted: defaultdict[str, list[Reject]] = defaultdict(list)
    for reject in stage.sift_block(rows):
        sifted[reject.key].append(reject)
    for output in _read_photos(stage, results, units, out):
        rejects = sifted[output.key]
        out.rejects += rejects
        variants = [reject.variant for reject in rejects if reject.variant is not None]
        if len(variants) == len(rejects):  # the photo itself is not rejected
            yield stage.leave_out(output, variants) if variants else output


def _read_photos(
    stage: Stage, results: _Results, units: Sequence[Unit], out: Assembly
) -> Iterator[Assembled]:
    """Yield the outputs that `Stage.sift` accepts; add the rejects to `out`."""
    for unit, result in results.read(units):
        if result.document is None:
            out.rejects += result.rejects
            continue
        kept = Assembled(unit.position, unit.key, result.document, result.members, result.rejects)
        try:
            kept, sifted = stage.sift(kept)
        except RejectPhoto as reject:  # its variants' rejects are dropped
            reason = (reject.code, reject.message, reject.evidence)
            out.rejects.append(Reject(unit.key, None, *reason))
            continue
        out.rejects += [*kept.rejects, *sifted]
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
