"""Compare what came into a stage with what went out, as sets of photos and of variants.

The sets are columns of distinct texts (`pyarrow`): Python's sets would take ten times their memory.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stages.engine.codes import EngineCode
from stages.engine.stage import Reject
from stages.engine.storage.pairs import Pairs, compute, make_pairs, with_photos
from stages.engine.storage.tables import Rejects, Table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Apart:
    """The rejects of a stage, photos and variants apart."""

    photos: pa.ChunkedArray
    """Keys of the photos that are rejected or set aside."""
    photos_aside: pa.ChunkedArray
    errors: list[str]
    """Keys of the photos on which the stage's code failed."""
    variants: Pairs
    """The variants that are rejected or set aside by themselves, not with their photo."""
    variants_aside: Pairs


def split_rejects(rejects: Sequence[Reject], aside: Collection[str]) -> Apart:
    """Split rejects into photos and variants; `aside` are the codes with which they are set
    aside."""
    import pyarrow as pa

    pc = compute()
    table = _reject_columns(rejects)
    codes = pa.array(sorted(map(str, aside)), pa.string())
    of_photo = pc.equal(table["variant"], "")
    of_variant, is_aside = pc.invert(of_photo), pc.is_in(table["code"], value_set=codes)
    is_error = pc.equal(table["code"], EngineCode.INTERNAL_ERROR.value)
    pairs = table.select(["key", "variant"])
    return Apart(
        photos=_distinct(table["key"].filter(of_photo)),
        photos_aside=_distinct(table["key"].filter(pc.and_(of_photo, is_aside))),
        errors=table["key"].filter(is_error).to_pylist(),
        variants=pairs.filter(of_variant),
        variants_aside=pairs.filter(pc.and_(of_variant, is_aside)),
    )


def _reject_columns(rejects: Sequence[Reject]) -> pa.Table:
    import pyarrow as pa

    names = ("key", "variant", "code")
    if isinstance(rejects, Rejects):
        return rejects.table.select(names).arrow()
    rows = [{"key": r.key, "variant": r.variant or "", "code": str(r.code)} for r in rejects]
    return pa.Table.from_pylist(rows, pa.schema([(name, pa.string()) for name in names]))


def balance_photos(
    incoming: Sequence[str], accepted: Sequence[str], apart: Apart
) -> Mapping[str, pa.ChunkedArray]:
    """Return the keys of the photos that are ``in``, ``accepted``, ``rejected``, ``aside``,
    ``missing`` (came in and are nowhere) and ``extra`` (did not come in, or are both accepted and
    rejected)."""
    arrived, passed, out = _texts(incoming), _texts(accepted), apart.photos
    return {
        "in": arrived,
        "accepted": passed,
        "rejected": minus(out, apart.photos_aside),
        "aside": apart.photos_aside,
        "missing": minus(minus(arrived, passed), out),
        "extra": _union(minus(_union(passed, out), arrived), _intersection(passed, out)),
    }


def balance_variants(
    incoming: Pairs, listed: Pairs, apart: Apart, balances: bool
) -> Mapping[str, pa.ChunkedArray]:
    """Return the names of the variants, as `balance_photos` does for photos.

    The variants of a rejected photo count as rejected, those of one set aside as set aside.

    Args:
        incoming: the variants that came in.
        listed: those in the manifest; one that is there twice is ``extra``.
        apart: the rejects.
        balances: whether all that came in must go out: otherwise none is missing or extra.
    """
    pc = compute()
    lost = with_photos(incoming, apart.photos)
    spared = _names_with_photos(apart.variants, apart.photos_aside)
    spared = _union(spared, _names_with_photos(lost, apart.photos_aside))
    spared = _union(spared, _names(apart.variants_aside))
    arrived, names = _distinct(_names(incoming)), _names(listed)
    kept, dropped = _distinct(names), _union(_names(apart.variants), _names(lost))
    counted = pc.value_counts(names)
    repeated = counted.filter(pc.greater(pc.struct_field(counted, "counts"), 1))
    extra = _union(minus(_union(kept, dropped), arrived), _intersection(kept, dropped))
    extra = _union(extra, pc.struct_field(repeated, "values"))
    return {
        "in": arrived,
        "accepted": kept,
        "rejected": minus(dropped, spared),
        "aside": spared,
        "missing": minus(minus(arrived, kept), dropped) if balances else arrived.slice(0, 0),
        "extra": extra if balances else arrived.slice(0, 0),
    }


def listed_pairs(rows: Sequence[dict[str, Any]]) -> Pairs:
    """Return the variants of a manifest, one for each row."""
    if isinstance(rows, Table):
        return rows.select(("key", "variant")).arrow()
    return make_pairs((row["key"], row["variant"]) for row in rows)


def first_of(texts: pa.ChunkedArray, count: int) -> list[str]:
    """Return the first texts in alphabetical order."""
    pc = compute()
    if not len(texts):
        return []
    order = pc.select_k_unstable(texts, count, sort_keys=[("", "ascending")])
    return texts.take(order).to_pylist()


def _texts(values: Sequence[str]) -> pa.ChunkedArray:
    import pyarrow as pa

    return _distinct(pa.chunked_array([pa.array(values, pa.string())]))


def _names(pairs: Pairs) -> pa.ChunkedArray:
    """Return the names of pairs, as `summary.name_of` writes them."""
    pc = compute()
    return pc.binary_join_element_wise(pairs["key"], pairs["variant"], "-")


def _names_with_photos(pairs: Pairs, keys: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the names of those pairs whose photo is in `keys`."""
    return _names(with_photos(pairs, keys))


def _distinct(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    import pyarrow as pa

    return pa.chunked_array([texts.unique()])


def _union(a: pa.ChunkedArray, b: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray:
    import pyarrow as pa

    more = b.chunks if isinstance(b, pa.ChunkedArray) else [b]
    return _distinct(pa.chunked_array([*a.chunks, *more], pa.string()))


def minus(a: pa.ChunkedArray, b: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the texts of `a` that are not in `b`."""
    pc = compute()
    return a.filter(pc.invert(pc.is_in(a, value_set=b)))


def _intersection(a: pa.ChunkedArray, b: pa.ChunkedArray) -> pa.ChunkedArray:
    pc = compute()
    return a.filter(pc.is_in(a, value_set=b))
