"""Write pictures for the page: WebP files named by the digests of what they show, written once.

A pair has three files, and shares a fourth with the other pairs of its photo:

- ``thumbs``: before and after, cropped to the flaw;
- ``strips``: photo, flawed image and control one below the other, cropped to the region that may
  differ between them. Outside of it they equal the photo, so the page draws the rest from there;
- ``overlays``: the flaws as tints with outlines, over the same region;
- ``photos``: the whole photo.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from stages.engine.files import replacing
from stages.records.documents import Box
from stages.records.images import open_picture, open_png

MAX_SIDE = 1024
"""Longest side in pixels of a photo, and of each of the three pictures of a strip."""
THUMB = 192
"""Side of each half of a thumbnail in pixels."""
EDGE = 8
"""Rows above and below each picture of a strip (``EDGE`` in viewer.js)."""
COLOURS = (
    (230, 159, 0), (86, 180, 233), (204, 121, 167), (240, 228, 66),
    (0, 158, 115), (213, 94, 0), (0, 114, 178), (170, 170, 170),
)  # fmt: skip
"""Colours of a picture's flaws, in their order (``--flaw-0`` ... in gallery.css): Okabe and Ito's
palette, which colour-blind people can tell apart."""
KINDS = ("photos", "thumbs", "strips", "overlays")
_NAME = re.compile(r"[0-9a-f]{18}\.webp")
_QUALITY = 86
_RECIPE = f"4 {MAX_SIDE} {THUMB} {_QUALITY}"
"""Part of every name, so that files drawn in another way are not taken for these."""


@dataclass(frozen=True)
class Sources:
    """The published pictures of a pair as files, and where its flaws are."""

    real: bytes
    artifact: bytes
    control: bytes
    flaws: bytes
    """``flaws.png``: 0, or the number of the flaw, from 1."""
    box: Box
    """Bounds of the visible flaws."""
    edit_box: Box
    """Bounds of the pixels that may differ."""
    size: tuple[int, int]
    """Width and height of the pictures."""

    @property
    def region(self) -> Box:
        """What strip and overlay show."""
        return region_around(self.edit_box, self.size)


def square_around(box: Box, size: tuple[int, int], margin: float = 0.35) -> Box:
    """Return a square around `box` with a margin of `margin` times its side.

    The square is moved and, if necessary, shrunk to fit into a picture of `size` (width, height).
    """
    width, height = size
    side = max(box[2] - box[0], box[3] - box[1], 32) * (1 + 2 * margin)
    side = int(min(side, width, height))
    x0 = int((box[0] + box[2] - side) / 2)
    y0 = int((box[1] + box[3] - side) / 2)
    x0, y0 = max(0, min(x0, width - side)), max(0, min(y0, height - side))
    return (x0, y0, x0 + side, y0 + side)


def region_around(edit_box: Box, size: tuple[int, int]) -> Box:
    """Return the region that strip and overlay show: `edit_box` with a margin, inside a picture of
    `size` (width, height)."""
    x0, y0, x1, y1 = edit_box
    margin = max(16, max(x1 - x0, y1 - y0) // 4)
    return (
        max(0, x0 - margin), max(0, y0 - margin),
        min(size[0], x1 + margin), min(size[1], y1 + margin),
    )  # fmt: skip


def overlay(flaws: Image.Image) -> Image.Image:
    """Draw the flaws as tints with opaque outlines, transparent elsewhere (RGBA).

    Args:
        flaws: ``flaws.png``: 0, or the number of the flaw, from 1.
    """
    numbers = np.asarray(flaws)
    out = np.zeros((*numbers.shape, 4), np.uint8)
    for number in np.unique(numbers[numbers > 0]):
        inside = numbers == number
        grown = (
            np.asarray(Image.fromarray(inside).convert("L").filter(ImageFilter.MaxFilter(5))) > 0
        )
        out[grown, :3] = COLOURS[(number - 1) % len(COLOURS)]
        out[grown, 3] = 255
        out[inside, 3] = 90
    return Image.fromarray(out)


def thumbnail(real: Image.Image, artifact: Image.Image, box: Box) -> Image.Image:
    """Draw before and after side by side, cropped to the flaw."""
    around = square_around(box, real.size)
    out = Image.new("RGB", (2 * THUMB + 4, THUMB), "white")
    for column, picture in enumerate((real, artifact)):
        cut = picture.crop(around).resize((THUMB, THUMB), Image.Resampling.LANCZOS)
        out.paste(cut, (column * (THUMB + 4), 0))
    return out


def strip(pictures: Iterable[Image.Image], region: Box) -> Image.Image:
    """Crop pictures of one size to `region` and put them one below the other, in equal heights.

    The first and the last row of each are repeated `EDGE` times: WebP stores colours for squares of
    pixels, so that pictures that touch would tint each other.
    """
    crops = [np.asarray(_shrink(picture.crop(region))) for picture in pictures]
    padded = [np.pad(crop, {0: (EDGE, EDGE)}, "edge") for crop in crops]
    return Image.fromarray(np.concatenate(padded))


def _shrink(picture: Image.Image) -> Image.Image:
    picture.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return picture


def name_of(digests: Iterable[str]) -> str:
    """Return the name under which the pictures made from these digests are kept: 20 hex digits."""
    return hashlib.sha256(" ".join((_RECIPE, *digests)).encode()).hexdigest()[:20]


class Pictures:
    """The page's ``images`` folder: ``<kind>/<first two digits>/<others>.webp``.

    A file that exists already is not drawn again. `draw` may be called from several threads.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._there = {kind: set(_list_names(folder / kind)) for kind in KINDS}
        self._used: Mapping[str, set[str]] = {kind: set() for kind in KINDS}

    def path(self, kind: str, name: str) -> Path:
        """Return the path of a picture."""
        return self.folder / kind / name[:2] / f"{name[2:]}.webp"

    def use(self, photo: str, pair: str) -> bool:
        """Note that the page shows a pair; return whether one of its files is missing."""
        names = {kind: photo if kind == "photos" else pair for kind in KINDS}
        for kind, name in names.items():
            self._used[kind].add(name)
        return any(name not in self._there[kind] for kind, name in names.items())

    def draw(self, photo: str, pair: str, sources: Sources) -> None:
        """Write the files of a pair that are missing."""
        real = open_picture(sources.real, size=sources.size)
        artifact = open_picture(sources.artifact, size=sources.size)
        region = sources.region
        if pair not in self._there["thumbs"]:
            self._write("thumbs", pair, thumbnail(real, artifact, sources.box), quality=82)
        if pair not in self._there["strips"]:
            pictures = (real, artifact, open_picture(sources.control, size=sources.size))
            self._write("strips", pair, strip(pictures, region), quality=_QUALITY)
        if pair not in self._there["overlays"]:
            drawn = overlay(open_png(sources.flaws, "L", sources.size).crop(region))
            self._write("overlays", pair, _shrink(drawn), lossless=True, quality=40)
        if photo not in self._there["photos"]:
            self._write("photos", photo, _shrink(real), quality=_QUALITY)

    def _write(self, kind: str, name: str, picture: Image.Image, **options: float) -> None:
        with replacing(self.path(kind, name)) as partial:  # a truncated file is never replaced
            # Method 4 takes twice the time and saves a hundredth of the size.
            picture.save(partial, "WEBP", method=2, **options)
        self._there[kind].add(name)

    def remove_unused(self) -> None:
        """Remove pictures of earlier pages that this page does not show."""
        for kind in KINDS:
            for name in self._there[kind] - self._used[kind]:
                self.path(kind, name).unlink(missing_ok=True)


def _list_names(folder: Path) -> Iterable[str]:
    """Yield the names of the pictures of one kind; other files are left out."""
    if not folder.is_dir():
        return
    for shelf in os.scandir(folder):
        if shelf.is_dir() and len(shelf.name) == 2:
            for entry in os.scandir(shelf.path):
                if _NAME.fullmatch(entry.name):
                    yield shelf.name + entry.name.removesuffix(".webp")
