"""What the manifest of a published copy says about its shards."""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from flows.published.location import MAX_TABLE_BYTES, Location
from flows.published.shards import check_shard_name
from stages.engine.storage.shard import MAX_SAMPLE_BYTES
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError

_DIGEST = "sha256."
_COLUMNS = ("pair", "shard", "split", "group")


@dataclass
class Promise:
    """What the manifest says of one pair."""

    shard: str
    split: str
    group: str
    digests: dict[str, str]
    """Member name to sha256."""
    place: tuple[int, int] | None = None
    """Half-open range of the pair's bytes in the shard; None if the manifest does not have it."""
    flaws: list[dict[str, Any]] = field(default_factory=list)
    """The scalars of the pair's rows, one a flaw."""


@dataclass(frozen=True)
class Manifest:
    """The pairs of a data set, by key."""

    pairs: Mapping[str, Promise]

    def shards(self) -> dict[str, dict[str, Promise]]:
        """Return the pairs of each shard, by key, in the shards' order."""
        found: dict[str, dict[str, Promise]] = defaultdict(dict)
        for key, promise in sorted(self.pairs.items()):
            found[promise.shard][key] = promise
        return dict(sorted(found.items()))


def read_manifest(location: Location) -> Manifest:
    """Read the manifest.

    Raises:
        FactoryError: there is none, it is damaged, or it is of another schema version.
    """
    if (size := location.size(MANIFEST)) > MAX_TABLE_BYTES:
        raise FactoryError(f"{location.base}/{MANIFEST} has {size} bytes: more than is read")
    data = location.read(MANIFEST, MAX_TABLE_BYTES)
    try:
        table = pq.read_table(io.BytesIO(data))
    except (pa.ArrowInvalid, OSError) as error:
        raise FactoryError(f"{location.base}/{MANIFEST} is damaged: {error}") from error
    if missing := set(_COLUMNS) - set(table.column_names):
        raise FactoryError(
            f"{location.base}/{MANIFEST} has no column {', '.join(sorted(missing))}: it is not the "
            "manifest of a packaged data set"
        )
    pairs: dict[str, Promise] = {}
    for batch in table.to_batches(max_chunksize=10_000):
        for row in batch.to_pylist():
            digests = {n.removeprefix(_DIGEST): v for n, v in row.items() if n.startswith(_DIGEST)}
            place = _read_place(row.get("shard_start"), row.get("shard_stop"))
            shard = check_shard_name(row["shard"])
            promise = pairs.setdefault(
                row["pair"], Promise(shard, row["split"], row["group"], digests, place)
            )
            promise.flaws.append({n: v for n, v in row.items() if not n.startswith(_DIGEST)})
    return Manifest(pairs)


def _read_place(start: object, stop: object) -> tuple[int, int] | None:
    """Return a range of bytes; None if it is not one that is read."""
    if isinstance(start, int) and isinstance(stop, int):
        return (start, stop) if 0 <= start < stop <= start + MAX_SAMPLE_BYTES else None
    return None
