"""Assemble the data set's folder: shards per split, index, rows of the manifest."""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from stages.engine.files import canonical_json, pretty_json, sha256_file
from stages.engine.stage import Assembled
from stages.engine.storage.shard import Index, add_sample
from stages.engine.storage.source_list import Source
from stages.engine.storage.tables import read_column, select_columns
from stages.package.members import RECORD, ImageFormat
from stages.package.pair import PublishedPair
from stages.package.provenance import Provenance
from stages.package.rows import complete_row, make_rows
from stages.package.split import SPLITS, Ratios, split_of

INDEX, CARD = "_info.json", "README.md"


@dataclass(frozen=True)
class Layout:
    """How pairs are distributed over shards."""

    groups: Mapping[str, str]
    """Photo key to its near-duplicate group."""
    sources: Sequence[Source]
    """The entries of the source list, in its order."""
    ratios: Ratios
    photos_per_shard: int
    """Consecutive lines of the source list whose pairs share a shard (per split), so that growth
    adds shards and a withdrawal rewrites one."""
    image_format: ImageFormat = "png"
    """File format of the pictures, which is in the names of members."""


def complete_pair(
    pair: dict[str, Any], split: str, group: str, source: Source, provenance: Provenance
) -> dict[str, Any]:
    """Complete a pair's JSON with the fields of the data set and of the photo's source entry.

    No stored result contains them, so that a changed licence only rewrites the folder.
    """
    return PublishedPair(
        **pair,
        licence=source.licence,
        origin=source.origin,
        creator=source.creator,
        title=source.title,
        batch=source.batch,
        file_name=source.file_name,
        split=split,
        group=group,
        profile=provenance.profile,
        seed=str(provenance.seed),
        stages=provenance.stage_records(),
        models=provenance.model_records(),
        params_sha256=provenance.params_sha256,
        code_sha256=provenance.code_sha256,
    ).model_dump(mode="json")


def make_members(pair: dict[str, Any], photo_members: Mapping[str, bytes]) -> dict[str, bytes]:
    """Make a sample's members: the photo, the pair's pictures and the JSON."""
    prefix = f"{pair['picture']}."
    pictures = {
        name.removeprefix(prefix): data
        for name, data in photo_members.items()
        if name.startswith((prefix, "real."))
    }
    return {RECORD: canonical_json(pair), **pictures}


class Shards:
    """The open shards of one range of the source list: at most one per split."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        self.names: dict[str, str] = {}
        self._tars: dict[str, tarfile.TarFile] = {}
        self._indices: dict[str, Index] = {}
        self._open = ExitStack()

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()

    def add(self, split: str, key: str, members: Mapping[str, bytes]) -> dict[str, Any]:
        """Append a sample to its split's shard.

        Returns:
            The manifest's columns of the sample's place: ``shard``, the half-open range of its
            bytes in it, and the sha256 of each member.
        """
        if split not in self._tars:
            self.names[split] = f"{split}-{self.number:05d}.tar"
            file = self._open.enter_context((self.folder / self.names[split]).open("wb"))
            tar = tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115
            self._tars[split] = self._open.enter_context(tar)
            self._indices[split] = {}
        tar, index = self._tars[split], self._indices[split]
        start = tar.offset
        add_sample(tar, index, key, members)
        digests = {f"sha256.{name}": member.sha256 for name, member in index[key].items()}
        place = {"shard": self.names[split], "shard_start": start, "shard_stop": tar.offset}
        return place | digests


def write_shards(
    outputs: Iterable[Assembled], folder: Path, layout: Layout, provenance: Provenance
) -> Iterator[dict[str, Any]]:
    """Write all shards, with one photo in memory at a time; yield the manifest's rows."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, photos in groupby(outputs, key=lambda o: o.position // layout.photos_per_shard):
        with Shards(folder, number) as shards:
            for output in photos:
                for row in _write_photo(output, shards, layout, provenance):
                    yield complete_row(row, layout.image_format)


def _write_photo(
    output: Assembled, shards: Shards, layout: Layout, provenance: Provenance
) -> Iterator[dict[str, Any]]:
    group = layout.groups[output.key]
    split = split_of(group, layout.ratios)
    for record in output.document["pairs"]:
        pair = complete_pair(record, split, group, layout.sources[output.position], provenance)
        place = shards.add(split, pair["pair"], make_members(pair, output.members))
        for row in make_rows(pair):
            yield row | place


def make_index(rows: Sequence[dict[str, Any]], digests: Mapping[str, str]) -> dict[str, Any]:
    """Make ``_info.json`` in the format of timm's WebDataset reader.

    For each split: the file names, the number of samples of each file, their sum, and (ours) the
    sha256 of each file.

    Args:
        rows: the manifest's rows; those of a pair follow each other.
        digests: shard to sha256.
    """
    found: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    needed = select_columns(rows, ("pair", "split", "shard"))
    for _, (first, *_) in groupby(needed, key=lambda row: row["pair"]):
        found[first["split"]][first["shard"]] += 1
    splits: dict[str, Any] = {}
    for split, counts in found.items():
        if counts:
            splits[split] = {
                "name": split,
                "num_samples": sum(counts.values()),
                "filenames": list(counts),
                "shard_lengths": list(counts.values()),
                "shard_sha256": [digests[name] for name in counts],
            }
    return {"splits": splits}


def write_index(rows: Sequence[dict[str, Any]], folder: Path) -> None:
    """Write ``_info.json``; the shards are read once."""
    digests = {name: sha256_file(folder / name) for name in set(read_column(rows, "shard"))}
    (folder / INDEX).write_bytes(pretty_json(make_index(rows, digests)))
