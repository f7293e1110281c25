"""Collect what the page shows from stages' outputs: pairs, refused variants, rejects, counts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from flows.gallery.images import Pictures
from flows.published.shards import naming_damage
from flows.records import read_record
from stages import STAGES
from stages.engine.storage.shard import read_member, read_samples
from stages.engine.storage.source_list import Names, Source
from stages.engine.storage.tables import (
    MANIFEST,
    METRICS,
    REJECTS,
    PhotoEntry,
    read_photos,
    read_table,
)
from stages.package.members import get_picture
from stages.records.documents import Box
from stages.records.images import paste, read_mask, read_png, write_png
from stages.records.masks import bounding_box

_Row = dict[str, Any]
_COUNTS = ("photos_rejected", "photos_aside", "variants_rejected", "variants_aside")
"""Numbers of a stage's metrics that the page shows; older metrics lack some."""


def _table(path: Path) -> list[_Row]:
    """Read a table of a stage; empty if the stage did not run."""
    return read_table(path) if path.is_file() else []


def _images(pictures: Pictures, members: dict[str, bytes], box: Box) -> dict[str, str]:
    return {
        "real": pictures.view(get_picture(members, "real")),
        "artifact": pictures.view(get_picture(members, "artifact")),
        "control": pictures.view(get_picture(members, "control")),
        "mask": pictures.mask(get_picture(members, "flaws")),
        "thumb": pictures.thumb(
            get_picture(members, "real"), get_picture(members, "artifact"), box
        ),
    }


def accepted_pairs(data: Path, pictures: Pictures) -> Iterator[_Row]:
    """Yield the packaged pairs in shard order.

    Raises:
        FactoryError: a shard is damaged.
    """
    for path in sorted((data / "package").glob("*.tar")):
        with naming_damage(path), path.open("rb") as file:
            for _, members in read_samples(file):
                record = read_record(members["json"], f"{path.parent.name}/{path.name}")
                yield _describe_pair(record, members, pictures)


def _describe_pair(pair: _Row, members: dict[str, bytes], pictures: Pictures) -> _Row:
    words = pair["explanation"]
    return {
        "id": pair["pair"],
        "verdict": "accepted",
        "reason": "",
        "message": "",
        "photo": pair["photo"],
        "flaws": [_describe_flaw(flaw) for flaw in pair["flaws"]],
        "taken_out": pair["taken_out"],
        **{name: pair[name] for name in ("split", "licence", "origin", "width", "height")},
        "file": pair["file_name"],
        "box": pair["mask_box"],
        "words": [words["overall"], words["clean"]],
        "author": words["author"],
        "images": _images(pictures, members, tuple(pair["edit_box"])),
    }


def _describe_flaw(flaw: _Row) -> _Row:
    names = ("id", "label", "tool", "kernel", "entity", "part", "other", "positional", "judge")
    return {
        **{name: flaw[name] for name in names},
        "text": flaw["text"],
        "box": flaw["mask_box"],
        "scores": [[score["name"], score["value"]] for score in flaw["scores"]],
    }


def _members(data: Path, stage: str, entry: PhotoEntry, prefix: str = "") -> dict[str, bytes]:
    shard = data / stage / entry.shard
    return {
        name.removeprefix(prefix): read_member(shard, place)
        for name, place in entry.places.items()
        if name.startswith(prefix) or name == "json"
    }


def refused_variants(data: Path, pictures: Pictures) -> Iterator[_Row]:
    """Yield the variants that were rendered and then rejected by the filter."""
    folders = [data / name for name in ("ingest", "inject", "map")]
    if not all((folder / MANIFEST).is_file() for folder in folders):
        return
    photos = {row["key"]: row for row in read_table(data / "ingest" / MANIFEST)}
    names = Names.of_list(data / "sources")
    ingested = {entry.key: entry for entry in read_photos(data / "ingest")}
    rendered = {entry.key: entry for entry in read_photos(data / "inject")}
    variants = {(r["key"], r["variant"]): r for r in read_table(data / "map" / MANIFEST)}
    for reject in _table(data / "filter" / REJECTS):
        key, name = reject["key"], reject["variant"]
        if not name or key not in rendered or (key, name) not in variants:
            continue
        crops = _members(data, "inject", rendered[key], f"{name}.")
        real = _members(data, "ingest", ingested[key], "photo.")["png"]
        members, box = _full_size(real, crops, name)
        yield _describe_refused(reject, variants[key, name], photos[key], names.entry(key), box) | {
            "images": _images(pictures, members, box),
        }


def _full_size(real: bytes, crops: dict[str, bytes], name: str) -> tuple[dict[str, bytes], Box]:
    """Paste a variant's crops into the photo; return the pictures and the box of mask or crop."""
    photo = read_png(real)
    outcomes = read_record(crops["json"], "data/inject")["outcomes"]
    box: Box = tuple(next(o["box"] for o in outcomes if o["variant"] == name))
    mask = paste(np.zeros(photo.shape[:2], dtype=bool), read_mask(crops["mask.png"]), box)
    members = {"real.png": real, "flaws.png": write_png(mask.astype(np.uint8))}
    for member in ("artifact.png", "control.png"):
        members[member] = write_png(paste(photo, read_png(crops[member]), box))
    return members, bounding_box(mask) if mask.any() else box


def _describe_refused(
    reject: _Row, variant: _Row, photo: _Row, words: Source | None, box: Box
) -> _Row:
    evidence = json.loads(reject["evidence"] or "{}")
    numbers = {n: v for n, v in sorted(evidence.items()) if isinstance(v, int | float)}
    flaw = {
        "id": reject["variant"],
        "label": "",
        "tool": variant["tool"],
        "kernel": variant["kernel"],
        "entity": variant["entity_name"],
        "part": variant["part_name"],
        "other": variant["other_name"] or "",
        "positional": variant["positional"],
        "judge": "",
        "text": "",
        "box": box,
        "scores": [[name, float(value)] for name, value in numbers.items()],
    }
    return {
        "id": f"{reject['key']}-{reject['variant']}",
        "verdict": "refused",
        "reason": reject["code"],
        "message": reject["message"],
        "photo": reject["key"],
        "flaws": [flaw],
        "taken_out": 0,
        "split": "",
        "licence": words.licence if words else "",
        "origin": words.origin if words else "",
        "file": words.file_name if words else "",
        "width": photo["width"],
        "height": photo["height"],
        "box": box,
        "words": ["", ""],
        "author": "",
    }


def list_rejects(data: Path, stages: Sequence[str] = STAGES) -> list[_Row]:
    """List the rejects of the stages in order, each with the name of its photo's file."""
    rows = [(stage, row) for stage in stages for row in _table(data / stage / REJECTS)]
    names = Names.of_list(data / "sources") if rows else Names([])
    return [{"stage": stage, "file": _name(names, row), **row} for stage, row in rows]


def _name(names: Names, reject: _Row) -> str:
    return names.name(reject["key"], json.loads(reject["evidence"] or "{}").get("line"))


def count_stages(data: Path, stages: Sequence[str] = STAGES) -> list[_Row]:
    """Return the numbers of photos and variants of each stage, from its metrics."""
    found = []
    for stage in stages:
        path = data / stage / METRICS
        if not path.is_file():
            continue
        numbers = json.loads(path.read_bytes())
        counts = {name: numbers.get(name, 0) for name in _COUNTS}
        found.append({"stage": stage, "photos": numbers["photos_accepted"], **counts})
    return found
