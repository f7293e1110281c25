"""Compare two manifests column by column: which pairs were added, removed, changed, and in what."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from flows.comparison.arrow import pc

Flags = NDArray[np.bool_]
_KEYS = ("pair", "variant")
_IGNORED = frozenset(
    {
        "shard",
        "shard_start",
        "shard_stop",
        "params_sha256",
        "code_sha256",
        "profile",
        "seed",
        "schema_version",
        "sha256.json",
        "key",
        "picture",
    }
)
"""Columns that say where a pair is stored, or that repeat what other columns say."""
_EXACT = {
    "mapping_sha256": "mapping",
    "pixels_sha256": "picture",
    "judge": "verdict",
    "verdict_by": "verdict",
    "judge_verdict": "verdict",
    "accepted_by": "verdict",
    "rejected_by": "verdict",
    "label": "text",
    "author": "text",
    "caption": "caption",
}
_PICTURES = {"real": "photo", "artifact": "picture", "control": "control", "mask": "mask",
             "edit": "mask", "flaws": "mask"}  # fmt: skip
_SOURCE = frozenset(
    {"licence", "origin", "creator", "title", "batch", "file_name", "split", "group"}
)
ASPECTS = ("photo", "caption", "mapping", "picture", "control", "mask", "flaws", "verdict",
           "scores", "text", "calls", "source", "format", "record")  # fmt: skip
"""What may change in a pair, in the order of the stages."""


def aspect_of(column: str) -> str:
    """Return the aspect to which a column of the manifest belongs; "" if it does not count."""
    if column in _IGNORED or column in _KEYS:
        return ""
    if column in _EXACT:
        return _EXACT[column]
    if column.startswith("sha256."):
        return _PICTURES.get(column.split(".")[1], "record")
    if column.startswith("score."):
        return "scores"
    if column.startswith("calls."):
        return "calls"
    if column == "text" or column.endswith("_text"):
        return "text"
    return "source" if column in _SOURCE else "record"


@dataclass(frozen=True)
class PairChanges:
    """The differences between two manifests, by pair key."""

    added: pa.Array
    removed: pa.Array
    changed: pa.Array
    """Pairs that both have, with at least one difference."""
    aspects: dict[str, Flags]
    """Aspect to flags over `changed`."""
    columns: Counter[str] = field(default_factory=Counter)
    """Column to the number of flaws in which it differs."""
    lone_columns: tuple[str, ...] = ()
    """Columns that only one manifest has, such as scores of another judge; they change no pair."""
    same: int = 0

    def examples(self, aspect: str, count: int) -> list[str]:
        """Return up to `count` changed pairs with this aspect."""
        return self.changed.filter(pa.array(self.aspects[aspect])).slice(0, count).to_pylist()

    def aspects_of(self, position: int) -> list[str]:
        """Return the aspects of the pair at a position of `changed`."""
        return [name for name in ASPECTS if name in self.aspects and self.aspects[name][position]]


def compare(before: pq.ParquetFile, after: pq.ParquetFile) -> PairChanges:
    """Compare two manifests; one column of both is in memory at a time.

    A row is a flaw. Rows are matched by pair and variant.
    """
    old, new = _read_keys(before), _read_keys(after)
    pairs = {name: pc.unique(keys["pair"]).sort() for name, keys in (("old", old), ("new", new))}
    added = pairs["new"].filter(pc.invert(pc.is_in(pairs["new"], pairs["old"])))
    both = pairs["new"].filter(pc.is_in(pairs["new"], pairs["old"]))
    removed = pairs["old"].filter(pc.invert(pc.is_in(pairs["old"], pairs["new"])))
    place = pc.index_in(_join(new), value_set=_join(old))  # row of `new` to row of `old`
    matched = place.is_valid()
    owners = pc.index_in(new["pair"].filter(matched), value_set=both).to_numpy()
    aspects: dict[str, Flags] = {}
    columns: Counter[str] = Counter()
    known = set(before.schema_arrow.names), set(after.schema_arrow.names)
    for name in (name for name in after.schema_arrow.names if name in known[0]):
        if not (aspect := aspect_of(name)):
            continue
        first = read_column(before, name).take(place.filter(matched))
        differs = _differ(first, read_column(after, name).filter(matched))
        if differs.any():
            columns[name] = int(differs.sum())
            flags = aspects.setdefault(aspect, np.zeros(len(both), dtype=bool))
            flags[owners[differs]] = True
    formats = find_other_formats(*known)
    if formats and len(both):
        aspects["format"] = np.ones(len(both), dtype=bool)
    flags = _find_other_flaws(old, new, both)
    if flags.any():
        aspects["flaws"] = flags
    changed = np.zeros(len(both), dtype=bool)
    for flags in aspects.values():
        changed |= flags
    return PairChanges(
        added=added,
        removed=removed,
        changed=both.filter(pa.array(changed)),
        aspects={name: aspects[name][changed] for name in ASPECTS if name in aspects},
        columns=columns,
        lone_columns=tuple(sorted((known[0] ^ known[1]) - formats))
        if all(map(_has_rows, (before, after)))
        else (),
        same=int((~changed).sum()),
    )


def find_other_formats(before: set[str], after: set[str]) -> set[str]:
    """Return the columns of digests of pictures that have another file format in the other
    manifest. Such digests say nothing about the pixels."""
    sides = (before - after, after - before)
    lone = [{name for name in names if name.startswith("sha256.")} for names in sides]
    stems = [{name.rpartition(".")[0] for name in names} for names in lone]
    both = (stems[0] & stems[1]) - {"sha256"}
    return {name for names in lone for name in names if name.rpartition(".")[0] in both}


def _has_rows(manifest: pq.ParquetFile) -> bool:
    return manifest.metadata.num_rows > 0


def _read_keys(manifest: pq.ParquetFile) -> dict[str, pa.Array]:
    """Read the key columns as strings, also those of a manifest without rows, whose type is
    null."""
    return {name: pc.cast(read_column(manifest, name), pa.string()) for name in _KEYS}


def read_column(manifest: pq.ParquetFile, name: str) -> pa.Array:
    """Read a column as one array; that of a manifest without rows may be missing."""
    if not manifest.metadata.num_rows:
        return pa.array([], pa.string())
    column = manifest.read(columns=[name]).column(0).combine_chunks()
    return column if isinstance(column, pa.Array) else pa.concat_arrays(column.chunks)


def _join(keys: dict[str, pa.Array]) -> pa.Array:
    return pc.binary_join_element_wise(keys["pair"], keys["variant"], "/")


def _differ(a: pa.Array, b: pa.Array) -> Flags:
    """Compare element by element; null equals null only."""
    if pa.types.is_null(a.type) or pa.types.is_null(b.type):
        return a.is_valid().to_numpy(False) | b.is_valid().to_numpy(False)
    if a.type != b.type:
        a, b = pc.cast(a, pa.string()), pc.cast(b, pa.string())
    unequal = pc.fill_null(pc.not_equal(a, b), False).to_numpy(False)
    return unequal | (a.is_valid().to_numpy(False) != b.is_valid().to_numpy(False))


def _find_other_flaws(old: dict[str, pa.Array], new: dict[str, pa.Array], both: pa.Array) -> Flags:
    """Return flags over `both`: pairs that gained or lost a flaw."""
    flags = np.zeros(len(both), dtype=bool)
    for keys, others in ((old, new), (new, old)):
        lone = pc.invert(pc.is_in(_join(keys), value_set=_join(others)))
        owners: Any = pc.index_in(keys["pair"].filter(lone), value_set=both).drop_null()
        flags[owners.to_numpy()] = True
    return flags
