"""Any of Pillow's pictures to plain RGB: 8 bits, sRGB, nothing transparent, upright.

The functions note what they had to assume or change as codes.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, ImageCms

from stages.ingest.containers.stripped import ICC_PROFILE_IGNORED

_BAND = 4_000_000
"""Pixels converted at a time: a conversion takes several copies of them."""
_ORIENTATION = 0x0112
_XMP_ORIENTATION = re.compile(rb"tiff:Orientation(?:=\"|>)([1-8])")
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""EXIF orientation to what turns the stored picture upright."""


def to_plain_rgb(
    image: Image.Image, profile: bytes | None, notes: set[str], shrink: int = 1
) -> Image.Image:
    """A decoded picture of any mode to RGB, `shrink` times smaller; adds to `notes`.

    Works in bands of rows: beside the picture it needs little memory.
    """
    width, height = image.size
    transform = _Transform(profile, notes)
    result = Image.new("RGB", (-(-width // shrink), -(-height // shrink)))
    rows = shrink * max(1, _BAND // width // shrink)
    for top in range(0, height, rows):
        band = image.crop((0, top, width, min(height, top + rows)))
        band = _flatten(_to_srgb(_to_eight_bits(band, notes), transform, notes), notes)
        result.paste(band.reduce(shrink) if shrink > 1 else band, (0, top // shrink))
    return result


def orientation(exif: bytes | None, xmp: bytes | None, notes: set[str]) -> int:
    """1 to 8, as the EXIF block says, else the XMP packet; an unreadable block is noted."""
    found = None
    try:
        block = Image.Exif()
        block.load(exif or b"")
        found = block.get(_ORIENTATION)
    except Exception:  # EXIF is a stranger's TIFF: any field may be nonsense
        notes.add("exif_ignored")
    if found is None and (said := _XMP_ORIENTATION.search(xmp or b"")):
        found = int(said[1])
    return found if isinstance(found, int) and found in _TURNS else 1


def upright(image: Image.Image, turn: int) -> Image.Image:
    """The picture as it is looked at, from how it is stored."""
    return image if turn == 1 else image.transpose(_TURNS[turn])


def is_turned(turn: int) -> bool:
    """Whether width and height change places."""
    return turn >= 5


def _to_eight_bits(image: Image.Image, notes: set[str]) -> Image.Image:
    """Modes with their own meaning of values to L, RGB, CMYK, LA or RGBA; 65535 becomes 255."""
    if image.mode.startswith("I"):
        notes.add("sixteen_bits_reduced")
        values = np.asarray(image).astype(np.int64).clip(0, 65535)
        return Image.fromarray(((values * 255 + 32767) // 65535).astype(np.uint8))
    if image.mode == "1":
        return image.convert("L")
    if image.mode in {"P", "PA"} or "transparency" in image.info:
        return image.convert("RGBA" if image.has_transparency_data else "RGB")
    return image


class _Transform:
    """A photo's colour profile to sRGB, built for the first band's mode."""

    def __init__(self, profile: bytes | None, notes: set[str]) -> None:
        self._profile, self._notes = profile, notes
        self._built: ImageCms.ImageCmsTransform | None = None

    def __call__(self, colours: Image.Image) -> Image.Image:
        """Without a usable profile the colours come back as they are."""
        if not self._profile:
            return colours
        try:
            if self._built is None:
                source = ImageCms.ImageCmsProfile(io.BytesIO(self._profile))
                target = ImageCms.createProfile("sRGB")
                self._built = ImageCms.buildTransform(source, target, colours.mode, "RGB")
            return ImageCms.applyTransform(colours, self._built) or colours
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            self._notes.add(ICC_PROFILE_IGNORED)
            self._profile = None
            return colours


def _to_srgb(image: Image.Image, transform: _Transform, notes: set[str]) -> Image.Image:
    """Colours to sRGB; without a usable profile they are taken as sRGB (or plain CMYK) already."""
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    colours = image.convert({"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode))
    if image.mode == "CMYK":
        notes.add("cmyk_converted")
    colours = transform(colours).convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _flatten(image: Image.Image, notes: set[str]) -> Image.Image:
    """Transparent pixels on white."""
    if image.mode != "RGBA":
        return image
    if image.getchannel("A").getextrema() != (255, 255):
        notes.add("transparency_on_white")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
