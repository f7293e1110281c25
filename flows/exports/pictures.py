"""Turn pairs into single pictures with labels, at the size and in the file format of the export."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np
from PIL import Image as Pillow

from flows.exports.options import Options
from flows.exports.samples import Sample
from stages.package.pair import PublishedPair
from stages.records.documents import Box
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box

Kind = Literal["artifact", "control", "real"]
SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}


@dataclass(frozen=True)
class Region:
    """A flaw in an exported picture."""

    label: str
    """``extra left eye``."""
    tool: str
    text: str
    """What is wrong there."""
    box: Box
    """Bounds of the mask, half-open, in pixels of the exported picture."""
    mask: Mask
    """(H, W) of the exported picture."""


@dataclass(frozen=True)
class Picture:
    """One exported picture."""

    name: str
    """``<pair>-artifact``, ``<pair>-control`` or ``<photo>-real``: unique in the export."""
    kind: Kind
    pixels: Image
    """(H, W, 3)."""
    regions: tuple[Region, ...]
    """Empty for a clean picture."""
    record: PublishedPair
    """The record of the pair; of a real photo, that of its first pair."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


def list_pictures(samples: Iterable[Sample], options: Options) -> Iterator[Picture]:
    """Yield each pair's flawed picture, its control if wanted, and each photo once.

    The pairs of one photo are neighbours in a shard, so a photo that was just yielded is known by
    its key.
    """
    photo = ""
    for sample in samples:
        if sample.record.photo != photo:
            photo = sample.record.photo
            yield fit(clean_picture(sample, "real"), options.max_side)
        if options.control:
            yield fit(clean_picture(sample, "control"), options.max_side)
        yield fit(flawed_picture(sample), options.max_side)


def clean_picture(sample: Sample, kind: Literal["control", "real"]) -> Picture:
    """Return the photo or the control of a pair as a picture without regions."""
    record = sample.record
    name = f"{record.photo}-real" if kind == "real" else f"{record.pair}-control"
    return Picture(name, kind, getattr(sample, kind), (), record)


def flawed_picture(sample: Sample) -> Picture:
    """Return the flawed picture of a pair with its regions."""
    regions = tuple(
        Region(flaw.label, flaw.tool, flaw.text, flaw.mask_box, sample.labels == flaw.index)
        for flaw in sample.record.flaws
    )
    return Picture(
        f"{sample.record.pair}-artifact", "artifact", sample.artifact, regions, sample.record
    )


def fit(picture: Picture, max_side: int) -> Picture:
    """Scale a picture down so that its longest side has at most `max_side` pixels; 0 = keep."""
    width, height = picture.size
    longest = max(width, height)
    if not max_side or longest <= max_side:
        return picture
    share = max_side / longest
    return resize(picture, (max(1, round(width * share)), max(1, round(height * share))))


def resize(picture: Picture, size: tuple[int, int]) -> Picture:
    """Scale pixels, boxes and masks to a width and height.

    A pixel of a scaled mask is set if at least half of its area was. A mask too small for that
    keeps the pixels that it covers most, so that no region vanishes.
    """
    if size == picture.size:
        return picture
    factors = size[0] / picture.size[0], size[1] / picture.size[1]
    regions = tuple(
        replace(
            region, box=scale_box(region.box, factors, size), mask=_resize_mask(region.mask, size)
        )
        for region in picture.regions
    )
    return replace(picture, pixels=resize_pixels(picture.pixels, size), regions=regions)


def resize_pixels(pixels: Image, size: tuple[int, int]) -> Image:
    """Scale (H, W, 3) uint8 to a width and height."""
    if size == pixels.shape[1::-1]:
        return pixels
    shrinks = size[0] < pixels.shape[1] or size[1] < pixels.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(pixels, size, interpolation=how), dtype=np.uint8)


def scale_box(box: Box, factors: tuple[float, float], size: tuple[int, int]) -> Box:
    """Scale a half-open box and round its sides to the nearest pixel; at least one pixel is left.

    Args:
        box: x0, y0, x1, y1.
        factors: of width and height.
        size: width and height of the scaled picture.
    """
    x0, y0, x1, y1 = (round(side * factors[i % 2]) for i, side in enumerate(box))
    x0, y0 = min(x0, size[0] - 1), min(y0, size[1] - 1)
    return x0, y0, min(max(x1, x0 + 1), size[0]), min(max(y1, y0 + 1), size[1])


def _resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    share = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(share >= min(0.5, float(share.max()))) if mask.any() else share > 0.5


def encode(pixels: Image, options: Options) -> bytes:
    """Encode (H, W, 3) uint8 in the wanted file format, without metadata."""
    file = io.BytesIO()
    picture = Pillow.fromarray(pixels)
    if options.picture_format == "png":
        picture.save(file, "PNG")
    elif options.picture_format == "webp":
        picture.save(file, "WEBP", lossless=True, exact=True)
    else:
        picture.save(file, "JPEG", quality=options.quality, subsampling=0)
    return file.getvalue()


def file_name(picture: Picture, options: Options) -> str:
    """Return the file name of an exported picture."""
    return picture.name + SUFFIXES[options.picture_format]


def mask_box(region: Region) -> Box:
    """Return the bounds of a region's mask; its box if the mask is empty."""
    return bounding_box(region.mask) if region.mask.any() else region.box
