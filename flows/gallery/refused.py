"""The variants that were rendered and then rejected by the filter."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.comparison.arrow import pc
from flows.gallery.drawing import Job, Places
from flows.gallery.images import Sources, name_of
from flows.gallery.items import Flaw, Item, Row, finite_scores, judge_verdict
from flows.records import read_record
from stages.engine.storage.shard import Member, read_member
from stages.engine.storage.source_list import Names
from stages.engine.storage.tables import MANIFEST, PHOTOS, REJECTS, read_table
from stages.records.documents import Box
from stages.records.images import paste, read_mask, read_png, write_png
from stages.records.masks import bounding_box

_STAGES = ("ingest", "map", "inject", "filter")
_CROPS = ("artifact", "control", "mask")


@dataclass(frozen=True)
class Refused:
    """A refused variant, and where its pictures are."""

    reject: Row
    variant: Row
    """Its row of map's manifest."""
    photo: Row
    """Its photo's row of ingest's manifest."""
    real: tuple[Path, Member]
    injected: tuple[Path, Mapping[str, Member]]
    """inject's shard, and the members of the variant (``artifact.png``, ``control.png`` ...) with
    the photo's ``json``."""

    @property
    def names(self) -> tuple[str, str]:
        """Names of the photo's picture and of the variant's."""
        real = self.real[1].sha256
        crops = [self.injected[1][f"{name}.png"].sha256 for name in _CROPS]
        return name_of([real]), name_of([real, *crops, "crops"])


def find_refused(data: Path) -> list[Refused]:
    """Find the refused variants; empty if a stage up to the filter did not run."""
    if not all((data / stage / MANIFEST).is_file() for stage in _STAGES):
        return []
    rejects = [row for row in read_table(data / "filter" / REJECTS) if row["variant"]]
    keys = pa.array(sorted({row["key"] for row in rejects}), pa.string())
    photos = {row["key"]: row for row in _rows_of(data / "ingest" / MANIFEST, keys)}
    variants = {(r["key"], r["variant"]): r for r in _rows_of(data / "map" / MANIFEST, keys)}
    ingested = _read_places(data / "ingest", keys)
    injected = _read_places(data / "inject", keys)
    found = []
    for reject in rejects:
        key, name = reject["key"], reject["variant"]
        if key not in injected or key not in ingested or (key, name) not in variants:
            continue
        shard, members = injected[key]
        own = {n.removeprefix(f"{name}."): m for n, m in members.items() if _is_of(n, name)}
        if own.keys() >= {"json", *(f"{crop}.png" for crop in _CROPS)}:
            real = ingested[key][0], ingested[key][1]["photo.png"]
            found.append(Refused(reject, variants[key, name], photos[key], real, (shard, own)))
    return found


def _is_of(member: str, variant: str) -> bool:
    return member == "json" or member.startswith(f"{variant}.")


def _rows_of(path: Path, keys: pa.Array) -> list[dict[str, Any]]:
    """Read the rows of these photos."""
    return pq.read_table(path, filters=pc.field("key").isin(keys)).to_pylist()


def _read_places(folder: Path, keys: pa.Array) -> dict[str, tuple[Path, dict[str, Member]]]:
    """Return photo key to its shard and the places of its members."""
    rows = _rows_of(folder / PHOTOS, keys)
    return {
        row["key"]: (
            folder / row["shard"],
            {name: Member(*place) for name, place in json.loads(row["places"]).items()},
        )
        for row in rows
    }


def make_job(refused: Refused) -> Job:
    """Read the variant's crops and paste them into the photo.

    Raises:
        FactoryError: the document is of another schema version.
        ValueError: a shard is damaged.
    """
    shard, places = refused.injected
    document = read_record(read_member(shard, places["json"]), "data/inject")
    name = refused.reject["variant"]
    edit_box: Box = tuple(next(o["box"] for o in document["outcomes"] if o["variant"] == name))
    crops = {crop: read_member(shard, places[f"{crop}.png"]) for crop in _CROPS}
    real = read_member(*refused.real)
    photo = read_png(real)
    mask = paste(np.zeros(photo.shape[:2], dtype=bool), read_mask(crops["mask"]), edit_box)
    box = bounding_box(mask) if mask.any() else edit_box
    sources = Sources(
        real=real,
        artifact=write_png(paste(photo, read_png(crops["artifact"]), edit_box)),
        control=write_png(paste(photo, read_png(crops["control"]), edit_box)),
        flaws=write_png(mask.astype(np.uint8)),
        box=box,
        edit_box=edit_box,
        size=(photo.shape[1], photo.shape[0]),
    )
    return Job(f"variant {refused.reject['key']}-{name}", refused.names, sources, [box])


def make_items(found: list[Refused], data: Path, places: Places) -> Iterator[Item]:
    """Make the items of refused variants whose pictures are drawn."""
    names = Names.of_list(data / "sources") if found else Names([])
    shares = _mask_shares(data / "inject" / MANIFEST) if found else {}
    for refused in found:
        yield _make_item(refused, names, places, shares)


def _mask_shares(manifest: Path) -> dict[tuple[str, str], float]:
    table = pq.read_table(manifest, columns=["key", "variant", "mask_share"]).to_pydict()
    keys = zip(table["key"], table["variant"], strict=True)
    return dict(zip(keys, table["mask_share"], strict=True))


def _make_item(
    refused: Refused, names: Names, places: Places, shares: Mapping[tuple[str, str], float]
) -> Item:
    reject, variant, photo = refused.reject, refused.variant, refused.photo
    evidence = json.loads(reject["evidence"] or "{}")
    place = places[refused.names[1]]
    words = names.entry(reject["key"])
    key = reject["key"], reject["variant"]
    flaw = Flaw(
        id=reject["variant"],
        label="",
        tool=variant["tool"],
        kernel=variant["kernel"],
        entity=variant["entity_name"],
        part=variant["part_name"],
        other=variant["other_name"] or "",
        positional=variant["positional"],
        judge="",
        text="",
        box=place.flaws[0],
        area=shares.get(key, 0.0),
        scores=finite_scores(evidence.items()),
        pixels=refused.injected[1]["artifact.png"].sha256,
        judge_verdict=judge_verdict(evidence),
    )
    return Item(
        id=f"{key[0]}-{key[1]}",
        photo=key[0],
        flaws=[flaw],
        width=photo["width"],
        height=photo["height"],
        box=place.box,
        region=place.region,
        pictures=refused.names,
        reason=reject["code"],
        message=reject["message"],
        licence=words.licence if words else "",
        origin=words.origin if words else "",
        creator=words.creator if words else "",
        title=words.title if words else "",
        file=words.file_name if words else "",
    )
