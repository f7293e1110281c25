"""Load hand labels of people, faces, hands and main things, and the labelled photos."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from benchmarks.quality import photos
from stages.ingest.decode import Limits, decode
from stages.ingest.stage import IngestParams
from stages.records.documents import Box, Document
from stages.records.images import Image
from stages.records.masks import Mask

FIRST = Path(__file__).with_name("labels.json")
SECOND = Path(__file__).with_name("labels-second.json")
"""Labels of five photos that were labelled a second time, mirrored, without the first labels."""
KINDS = ("people", "faces", "hands")


class Mark(Document):
    """One labelled person, face or hand."""

    box: Box
    """Half-open, in photo pixels."""
    difficult: bool = False
    """Whether it counts neither as found nor as missed, as in PASCAL VOC."""
    view: Literal["front", "profile", "away"] | None = None
    """View of a face; front is any view in which the nose hides neither eye."""


class MainThing(Document):
    """The photo's main thing, other than a person."""

    right: tuple[str, ...]
    """Names that most people would accept as right."""
    coarse: tuple[str, ...]
    """Names that are true but less specific than most people would choose."""
    outline: tuple[tuple[int, int], ...] | None
    """Polygon in photo pixels; None where one outline cannot separate it from others like it."""

    def mask(self, shape: tuple[int, int]) -> Mask | None:
        """Return the filled outline as (H, W)."""
        if self.outline is None:
            return None
        canvas = np.zeros(shape, np.uint8)
        cv2.fillPoly(canvas, [np.array(self.outline, np.int32)], 1)
        return canvas.astype(bool)


class LabelledPhoto(Document):
    """A photo and its labels."""

    name: str
    """Name as in `benchmarks.quality.photos`."""
    collection: Literal["people", "samples", "shards"]
    sha256: str
    """Digest of the photo's file."""
    width: int = Field(gt=0)
    height: int = Field(gt=0)
    people: list[Mark]
    faces: list[Mark]
    hands: list[Mark]
    thing: MainThing | None
    """None where people are the subject, or nothing stands out."""

    def marks(self, kind: str) -> list[Mark]:
        """Return the marks of one of `KINDS`."""
        return {"people": self.people, "faces": self.faces, "hands": self.hands}[kind]


class LabelSet(Document):
    """All labelled photos."""

    photos: list[LabelledPhoto]


def load(path: Path = FIRST) -> list[LabelledPhoto]:
    """Load the labels of a file."""
    return LabelSet.model_validate_json(path.read_text(encoding="utf-8")).photos


def select(labelled: list[LabelledPhoto], files: Sequence[str]) -> list[LabelledPhoto]:
    """Select the photos whose file name is one of `files`; all where none is given.

    Raises:
        ValueError: no photo has one of these names.
    """
    found = [photo for photo in labelled if not files or Path(photo.name).name in files]
    if not found:
        raise ValueError(f"no labelled photo here is named {', '.join(files)}")
    return found


def read_photo(photo: LabelledPhoto, shards: Path) -> Image | None:
    """Read the photo as `ingest` does, (H, W, 3) uint8; None where its collection is missing.

    Raises:
        ValueError: the file is not the one that was labelled.
    """
    try:
        data = photos.read_bytes(photo.name, shards)
    except (FileNotFoundError, KeyError, tarfile.ReadError):
        return None
    if hashlib.sha256(data).hexdigest() != photo.sha256:
        raise ValueError(f"{photo.name} is not the file that was labelled; fetch it again")
    limits = IngestParams()
    kept = Limits(limits.max_pixels, limits.min_side, limits.max_side)
    return np.asarray(decode(data, kept).image)


def read_present(
    labelled: list[LabelledPhoto], shards: Path, missing: list[str]
) -> Iterator[tuple[LabelledPhoto, Image]]:
    """Yield the photos that are present, with pixels; add the names of the others to `missing`.

    Raises:
        ValueError: a file is not the one that was labelled.
    """
    for photo in labelled:
        image = read_photo(photo, shards)
        if image is None:
            missing.append(photo.name)
        else:
            yield photo, image
