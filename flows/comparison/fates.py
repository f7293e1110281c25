"""Find out why a version does not have a pair that another has: where its flaws were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from flows.comparison.arrow import pc
from flows.comparison.versions import Version
from stages import STAGES
from stages.engine.storage.tables import MANIFEST, PHOTOS, REJECTS

NOT_LISTED, NOT_DRAWN, UNKNOWN = "not_listed", "not_drawn", "unknown"
"""The photo is not in the version; map drew no such flaw; the version does not say."""
_JUDGES, _DECIDER = "filter", "verdict_by"
"""The stage that people overrule, and the column that says who decided."""

EXAMPLES = 24
"""Maximum number of pairs named for each fate."""


@dataclass(frozen=True)
class Fate:
    """Why flaws are not in a version."""

    stage: str
    """Stage that lost them."""
    reason: str
    """Reject code, `NOT_LISTED`, `NOT_DRAWN` or `UNKNOWN`."""
    accepted_by_people: bool = False
    """Whether people accept the flaws in the version that has them."""


@dataclass(frozen=True)
class Example:
    """A pair with a fate."""

    pair: str
    message: str = ""
    """That of the reject."""


@dataclass(frozen=True)
class Fates:
    """Why the pairs of one version are not in the other."""

    counts: Counter[Fate]
    """Number of flaws."""
    examples: dict[Fate, list[Example]]
    """Up to `EXAMPLES` each."""


def find_fates(pairs: pa.Array, owner: pq.ParquetFile, version: Version) -> Fates:
    """Find out why `version` does not have `pairs`, which the manifest `owner` has."""
    if not len(pairs):
        return Fates(Counter(), {})
    names = ["pair", "key", "variant"]
    names += [_DECIDER] if _DECIDER in owner.schema_arrow.names else []
    columns = owner.read(columns=names)
    rows = columns.filter(pc.is_in(columns["pair"], pairs))
    nobody = pa.array([False] * len(rows), pa.bool_())
    reviewed = pc.equal(rows[_DECIDER], "review") if _DECIDER in names else nobody
    left = pa.table(
        {
            "pair": rows["pair"],
            "photo": rows["key"],
            "flaw": pc.binary_join_element_wise(rows["key"], rows["variant"], "/"),
            "reviewed": pc.fill_null(reviewed, False),
        }
    )
    counts: Counter[Fate] = Counter()
    examples: dict[Fate, list[Example]] = {}

    def settle(
        flags: pa.ChunkedArray | pa.Array, fate: Fate, rejects: pa.Table | None = None
    ) -> None:
        nonlocal left
        if not pc.sum(flags).as_py():
            return
        settled, left = left.filter(flags), left.filter(pc.invert(flags))
        for by_people in (False, True):
            part = settled.filter(pc.equal(settled["reviewed"], by_people))
            if len(part):
                own = replace(fate, accepted_by_people=by_people and fate.stage == _JUDGES)
                counts[own] += len(part)
                found = _make_examples(part.slice(0, EXAMPLES), rejects)
                examples[own] = [*examples.get(own, []), *found][:EXAMPLES]

    for stage in STAGES:
        rejects = version.table(stage, REJECTS)
        if rejects is not None and rejects.metadata.num_rows:
            table = rejects.read(columns=["key", "variant", "code", "message"])
            for code in pc.unique(table["code"]).to_pylist():
                of_code = table.filter(pc.equal(table["code"], code))
                whole = of_code.filter(pc.equal(of_code["variant"], ""))
                single = of_code.filter(pc.not_equal(of_code["variant"], ""))
                names = pc.binary_join_element_wise(single["key"], single["variant"], "/")
                found = pc.or_(
                    pc.is_in(left["photo"], whole["key"].combine_chunks()),
                    pc.is_in(left["flaw"], pa.concat_arrays(names.chunks) if names.chunks else
                             pa.array([], pa.string())),
                )  # fmt: skip
                settle(found, Fate(stage, code), of_code)
        settle(_missing(left, stage, version), Fate(stage, _reason_of(stage)))
    settle(pa.array([True] * len(left)), Fate("package", UNKNOWN))
    return Fates(counts, examples)


def _make_examples(flaws: pa.Table, rejects: pa.Table | None) -> Iterator[Example]:
    """Yield the flaws with the messages of their rejects, or of their photos' rejects."""
    messages: dict[str, str] = {}
    if rejects is not None:
        of_photos = rejects.filter(pc.is_in(rejects["key"], flaws["photo"].combine_chunks()))
        for row in of_photos.to_pylist():
            name = f"{row['key']}/{row['variant']}" if row["variant"] else row["key"]
            messages[name] = row["message"]
    for row in flaws.to_pylist():
        message = messages.get(row["flaw"]) or messages.get(row["photo"], "")
        yield Example(row["pair"], message)


def _reason_of(stage: str) -> str:
    return {"ingest": NOT_LISTED, "map": NOT_DRAWN}.get(stage, UNKNOWN)


def _missing(left: pa.Table, stage: str, version: Version) -> pa.Array:
    """Return flags over `left`: the photos that ingest, or flaws that map, does not have."""
    nothing = pa.array([False] * len(left))
    if stage == "ingest":
        table = version.table(stage, PHOTOS)
        if table is None:
            return nothing
        keys = table.read(columns=["key"])["key"].combine_chunks()
        return pc.invert(pc.is_in(left["photo"], keys))
    table = version.table(stage, MANIFEST) if stage == "map" else None
    if table is None:
        return nothing
    rows = table.read(columns=["key", "variant"])
    names = pc.binary_join_element_wise(rows["key"], rows["variant"], "/").combine_chunks()
    return pc.invert(pc.is_in(left["flaw"], names))
