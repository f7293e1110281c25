"""Read the published data set pair by pair, with the checks that an export relies on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from flows.exports.options import Options
from flows.published.manifest import read_texts
from flows.published.shards import check_shard_name, naming_damage
from flows.records import check_version, convert_record
from stages.engine.files import open_regular
from stages.engine.storage import shard
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError
from stages.package.members import RECORD, get_picture
from stages.package.pair import PublishedPair
from stages.package.split import SPLITS
from stages.records.images import Image, open_png, read_picture

Labels = NDArray[np.uint8]
"""(H, W): 0 = no flaw, n = the n-th flaw of the record."""


@dataclass(frozen=True)
class Sample:
    """One published pair; pictures are (H, W, 3) uint8 sRGB."""

    record: PublishedPair
    real: Image
    artifact: Image
    control: Image
    labels: Labels


def read_samples(folder: Path, options: Options) -> Iterator[Sample]:
    """Yield the pairs that `options` select, in shard order; one pair in memory at a time.

    Raises:
        FactoryError: the folder holds no data set, one of another schema version, or a damaged one.
    """
    for path in list_shards(folder, options.splits):
        with naming_damage(path), open_regular(path) as file:
            for key, members in shard.read_samples(file):
                record = parse_record(members.get(RECORD, b""), f"{path}: {key}")
                check_names(record, key)
                if is_selected(record, options):
                    yield _decode(record, members)


def list_shards(folder: Path, splits: tuple[str, ...] = ()) -> list[Path]:
    """Return the shards of the splits (empty = all), sorted by name.

    Raises:
        FactoryError: the folder holds no data set, or not these splits.
    """
    if not (folder / MANIFEST).is_file():
        raise FactoryError(
            f"{folder} holds no data set: run `flawfactory build`, or `dvc pull data/package`"
        )
    rows = read_texts(folder, ["shard", "split"])
    known = dict(zip(rows["shard"], rows["split"], strict=True))
    if unknown := set(splits) - set(known.values()):
        there = ", ".join(sorted(set(known.values()))) or "none"
        raise FactoryError(f"no split {', '.join(sorted(unknown))} in {folder}: it has {there}")
    wanted = (name for name, split in sorted(known.items()) if split in splits or not splits)
    return [folder / check_shard_name(name) for name in wanted]


def count_pairs(folder: Path, options: Options) -> int:
    """Count the pairs of the splits, before any other filter.

    Raises:
        FactoryError: the folder holds no data set, or not these splits.
    """
    list_shards(folder, options.splits)
    found = read_splits(folder).values()
    return sum(not options.splits or split in options.splits for split in found)


def read_splits(folder: Path) -> dict[str, str]:
    """Read each pair's split from the manifest.

    Raises:
        FactoryError: it is damaged, or not the manifest of a packaged data set.
    """
    rows = read_texts(folder, ["pair", "split"])
    return dict(zip(rows["pair"], rows["split"], strict=True))


def parse_record(data: bytes, name: str) -> PublishedPair:
    """Parse a record.

    Raises:
        FactoryError: it is of another schema version, or not a record.
    """
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise FactoryError(f"{name}: the record is not JSON: {error}") from error
    check_version(content.get("schema_version") if isinstance(content, dict) else None, name)
    try:
        return PublishedPair.model_validate(convert_record(content))
    except (KeyError, TypeError, AttributeError) as error:
        raise FactoryError(f"{name}: the record lacks {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise FactoryError(f"{name}: {where} of the record: {first['msg']}") from error


def check_names(record: PublishedPair, key: str) -> None:
    """Check the fields of a record that become names of files.

    Raises:
        ValueError: they are not those of the sample `key`, or the split is none.
    """
    if record.pair != key or key != f"{record.photo}-{record.picture}":
        raise ValueError(f"{key} has the record of {record.pair!r}")
    if record.split not in SPLITS:
        raise ValueError(f"{key} has the split {record.split!r}")


def is_selected(record: PublishedPair, options: Options) -> bool:
    """Return whether a pair passes the filters on tools and size."""
    return all(
        (not options.tools or flaw.tool in options.tools) and flaw.mask_pixels >= options.min_pixels
        for flaw in record.flaws
    )


def _decode(record: PublishedPair, members: dict[str, bytes]) -> Sample:
    size = record.width, record.height
    real, artifact, control = (
        read_picture(get_picture(members, name), size) for name in ("real", "artifact", "control")
    )
    labels = np.asarray(open_png(get_picture(members, "flaws"), "L", size))
    return Sample(record, real, artifact, control, labels)
