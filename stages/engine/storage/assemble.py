"""Writes a stage's output folder from the store: shards, manifests, rejects."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.engine.execution.units import DOCUMENT, Ref
from stages.engine.files import canonical_json
from stages.engine.stage import Assembled, Reject, RejectPhoto, Stage
from stages.engine.storage.pairs import PairCollector, Pairs
from stages.engine.storage.shard import write_shard
from stages.engine.storage.store import Result, Store
from stages.engine.storage.tables import (
    MANIFEST,
    PHOTO_COLUMNS,
    PHOTOS,
    REJECTS,
    PhotoEntry,
    Rejects,
    RejectSorter,
    Table,
    TableWriter,
    photo_row,
    read_column,
    write_table,
)
from stages.engine.workspace import FactoryError


class ResultsLost(FactoryError):
    """Results are missing in the store; damaged ones have been removed from it."""


@dataclass(frozen=True)
class Assembly:
    """The tables of a stage's output folder, which are read when they are needed."""

    rows: Table
    """The manifest."""
    photos: Table
    """One row for each accepted photo."""
    rejects: Rejects
    offered: Pairs
    """The variants among which `Stage.sift_block` chose, and those that were rejected before."""

    @property
    def accepted(self) -> list[str]:
        """Keys of the accepted photos."""
        return read_column(self.photos, "key")


@dataclass
class _Draft:
    """What is collected while the folder is written."""

    rejects: RejectSorter = field(default_factory=RejectSorter)
    offered: PairCollector = field(default_factory=PairCollector)


def assemble(
    stage: Stage,
    store: Store,
    refs: Sequence[Ref],
    failures: list[Reject],
    folder: Path,
) -> Assembly:
    """Write `folder` from the results in the store.

    Outputs are in the order of the source list, so the bytes do not depend on which worker computed
    what and when. Memory holds one photo, and one row group of each table, at a time.

    Args:
        stage: the stage.
        store: holds a result for each photo that is not in `failures`.
        refs: the photos.
        failures: rejects without a result in the store.
        folder: the output folder; replaced if it exists.

    Raises:
        ResultsLost: a result is missing. `folder` is then incomplete, and no damaged result of
            these photos is left in the store: compute the missing ones and assemble again.
    """
    draft = _Draft()
    draft.rejects.add(failures)
    failed = {reject.key for reject in failures}
    ordered = sorted((ref for ref in refs if ref.key not in failed), key=lambda ref: ref.position)

    outputs = _read_outputs(stage, _Results(store, ordered), draft)
    if folder.is_dir():  # its files may be hard links into DVC's cache: never write to them
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    # photos.parquet appears last: where it is, shards and tables are complete.
    with TableWriter(folder / PHOTOS, PHOTO_COLUMNS) as photos:
        if stage.own_layout:
            rows = stage.assemble(_record_photos(outputs, photos), folder)
        else:
            rows = _write_shards(stage, outputs, folder, photos)
        _write_manifest(stage, rows, folder)
        draft.rejects.write(folder / REJECTS)
    manifest = Table(folder / MANIFEST)
    stage.describe(folder, manifest)
    rejects = Rejects(Table(folder / REJECTS))
    return Assembly(manifest, Table(folder / PHOTOS), rejects, draft.offered.pairs())


def _write_manifest(stage: Stage, rows: Iterable[dict[str, Any]], folder: Path) -> None:
    columns = stage.columns()
    if not stage.finished_columns:
        write_table(folder / MANIFEST, rows, columns)
        return
    unfinished = folder / f".{MANIFEST}"
    first = {name: kind for name, kind in columns.items() if name not in stage.finished_columns}
    write_table(unfinished, rows, first)
    write_table(folder / MANIFEST, stage.finish(Table(unfinished)), columns)
    unfinished.unlink()


@dataclass(frozen=True)
class _Results:
    """The results of the photos to assemble, read from the store."""

    store: Store
    refs: Sequence[Ref]

    def read(self, refs: Sequence[Ref]) -> Iterator[tuple[Ref, Result]]:
        """Read the results of some of the photos, in order.

        Raises:
            ResultsLost: one is missing. All of all photos have then been checked.
        """
        found = self.store.read(ref.store_key for ref in refs)
        for ref, result in zip(refs, found, strict=True):
            if result is None:
                for _ in self.store.read(other.store_key for other in self.refs):
                    pass  # removes those that are damaged
                message = f"the store lost {ref.key} ({ref.store_key}); run the stage again"
                raise ResultsLost(message)
            yield ref, result


def _read_outputs(stage: Stage, results: _Results, draft: _Draft) -> Iterator[Assembled]:
    """Yield the accepted outputs one by one; add the rejects to `draft`."""
    if not stage.sifts_blocks:
        yield from _read_photos(stage, results, results.refs, draft)
        return
    size = stage.base.photos_per_shard
    for _, refs in groupby(results.refs, key=lambda ref: ref.position // size):
        yield from _read_block(stage, results, list(refs), draft)


def _read_block(
    stage: Stage, results: _Results, refs: list[Ref], draft: _Draft
) -> Iterator[Assembled]:
    """Yield the outputs of a block without the variants and photos that `Stage.sift_block` rejects.

    The results are read twice, first for their rows only, so that memory does not hold the block's
    documents and members.
    """
    first: list[Reject] = []
    outputs = _sift_photos(stage, results, refs, first)
    rows = [row for output in outputs for row in stage.rows(output.document)]
    draft.offered.add((row["key"], row["variant"]) for row in rows)
    draft.offered.add((r.key, r.variant) for r in first if r.variant is not None)
    sifted: defaultdict[str, list[Reject]] = defaultdict(list)
    for reject in stage.sift_block(rows):
        sifted[reject.key].append(reject)
    for output in _read_photos(stage, results, refs, draft):
        rejects = sifted[output.key]
        draft.rejects.add(rejects)
        variants = [reject.variant for reject in rejects if reject.variant is not None]
        if len(variants) == len(rejects):  # the photo itself is not rejected
            yield stage.leave_out(output, variants) if variants else output


def _read_photos(
    stage: Stage, results: _Results, refs: Sequence[Ref], draft: _Draft
) -> Iterator[Assembled]:
    """Yield the outputs that `Stage.sift` accepts; add the rejects to `draft`."""
    rejects: list[Reject] = []
    for output in _sift_photos(stage, results, refs, rejects):
        draft.rejects.add(rejects)
        rejects.clear()
        yield output
    draft.rejects.add(rejects)


def _sift_photos(
    stage: Stage, results: _Results, refs: Sequence[Ref], rejects: list[Reject]
) -> Iterator[Assembled]:
    """Yield the outputs that `Stage.sift` accepts; append to `rejects` those of each photo before
    the next is read."""
    for ref, result in results.read(refs):
        if result.document is None:
            rejects += result.rejects
            continue
        kept = Assembled(ref.position, ref.key, result.document, result.members, result.rejects)
        try:
            kept, sifted = stage.sift(kept)
        except RejectPhoto as reject:  # its variants' rejects are dropped
            reason = (reject.code, reject.message, reject.evidence)
            rejects.append(Reject(ref.key, None, *reason))
            continue
        rejects += [*kept.rejects, *sifted]
        yield kept


def _record_photos(outputs: Iterator[Assembled], photos: TableWriter) -> Iterator[Assembled]:
    """Yield the outputs and add each photo to `photos`, without its place in a shard."""
    for output in outputs:
        photos.add(photo_row(PhotoEntry(output.key, output.position, "", {}), 0))
        yield output


def _write_shards(
    stage: Stage, outputs: Iterator[Assembled], folder: Path, photos: TableWriter
) -> Iterator[dict[str, Any]]:
    """Write the shards and the rows of `photos`; yield the rows of the manifest."""
    size = stage.base.photos_per_shard
    for number, group in groupby(outputs, key=lambda output: output.position // size):
        shard = f"shard-{number:05d}.tar"
        rows: dict[str, list[dict[str, Any]]] = {}
        positions: dict[str, int] = {}
        index = write_shard(folder / shard, _samples(stage, group, rows, positions))
        for key, position in positions.items():
            entry = PhotoEntry(key, position, shard, index[key])
            photos.add(photo_row(entry, len(rows[key])))
            yield from rows[key]


def _samples(
    stage: Stage,
    group: Iterator[Assembled],
    rows: dict[str, list[dict[str, Any]]],
    positions: dict[str, int],
) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield a shard's samples; put the photos' rows and positions into the dicts, by key."""
    for output in group:
        rows[output.key] = stage.rows(output.document)
        positions[output.key] = output.position
        yield output.key, {**output.members, DOCUMENT: canonical_json(output.document)}
