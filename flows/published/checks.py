"""Check one published pair: bytes against digests, record against schema and pictures.

Pure functions that return a problem per member; nothing is raised for bad data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from flows.exports.samples import parse_record
from flows.published.manifest import Promise
from stages.engine.files import sha256
from stages.engine.workspace import FactoryError
from stages.package.members import MASKS, PICTURES, RECORD, find_member
from stages.package.pair import PublishedPair
from stages.records.images import open_png, read_mask, read_picture
from stages.records.masks import bounding_box

Problem = tuple[str, str]
"""Member and what is wrong with it."""


def check_digests(members: Mapping[str, bytes], promise: Promise) -> Iterator[Problem]:
    """Compare the members with the manifest's digests."""
    for name in sorted(promise.digests.keys() | members.keys()):
        if name not in members:
            yield name, "is missing"
        elif name not in promise.digests:
            yield name, "is not in the manifest"
        elif sha256(members[name]) != promise.digests[name]:
            yield name, "its bytes are not those that the manifest lists"


def check_contents(key: str, members: Mapping[str, bytes], promise: Promise) -> Iterator[Problem]:
    """Check record and pictures of a pair whose bytes are right."""
    try:
        record = parse_record(members.get(RECORD, b""), RECORD)
    except FactoryError as error:
        yield "json", str(error).removeprefix("json: ")
        return
    yield from (("json", problem) for problem in _compare_rows(key, record, promise))
    size = record.width, record.height
    pictures: dict[str, NDArray[Any]] = {}
    names = {name: find_member(name, members) for name in (*PICTURES, *MASKS)}
    for name, member in names.items():
        try:
            data = members[member]
            if name in PICTURES:
                pictures[name] = read_picture(data, size)
            elif name == "flaws":
                pictures[name] = np.asarray(open_png(data, "L", size))
            else:
                pictures[name] = read_mask(data, size)
        except KeyError:
            yield member, "is missing"
        except ValueError as error:
            yield member, str(error)
    if len(pictures) == len(names):
        problems = check_pictures(record, pictures)
        yield from ((names.get(name, name), problem) for name, problem in problems)


def _compare_rows(key: str, record: PublishedPair, promise: Promise) -> Iterator[str]:
    """Compare the record with the manifest's rows of the pair."""
    if record.pair != key or key != f"{record.photo}-{record.picture}":
        yield f"it is the record of {record.pair}"
    if (record.split, record.group) != (promise.split, promise.group):
        yield f"split {record.split} and group {record.group} are not the manifest's"
    listed = sorted((row.get("variant"), row.get("tool")) for row in promise.flaws)
    if listed != sorted((flaw.id, flaw.tool) for flaw in record.flaws):
        yield "its flaws are not those that the manifest lists"


def check_pictures(
    record: PublishedPair, pictures: Mapping[str, NDArray[Any]]
) -> Iterator[Problem]:
    """Check the guarantees of docs/format.md on decoded pictures of one size.

    Yields the name of the picture, or ``json``, and what is wrong.
    """
    edit, mask, labels = pictures["edit"], pictures["mask"], pictures["flaws"]
    for name in ("artifact", "control"):
        changed = (pictures[name] != pictures["real"]).any(-1) & ~edit
        if changed.any():
            yield name, f"{int(changed.sum())} pixels outside `edit` differ from the photo"
    if (mask & ~edit).any():
        yield "mask", "marks pixels that were not edited"
    if ((labels > 0) != mask).any():
        yield "flaws", "marks other pixels than mask.png"
    if set(np.unique(labels)) - {0} != {flaw.index for flaw in record.flaws}:
        yield "flaws", "its values are not the indices of the record's flaws"
    found = {
        "mask_box": (bounding_box(mask), record.mask_box),
        "edit_box": (bounding_box(edit), record.edit_box),
        "mask_pixels": (int(mask.sum()), record.mask_pixels),
        "edit_pixels": (int(edit.sum()), record.edit_pixels),
    }
    for flaw in record.flaws:
        region = labels == flaw.index
        found[f"{flaw.id}.mask_box"] = bounding_box(region), flaw.mask_box
        found[f"{flaw.id}.mask_pixels"] = int(region.sum()), flaw.mask_pixels
    for field, (measured, recorded) in found.items():
        if measured != recorded:
            yield "json", f"{field} is {recorded}, the picture has {measured}"
