"""Convert pictures of any Pillow mode to plain RGB: 8 bits, sRGB, opaque, upright.

The functions add codes for their assumptions and changes to `notes`.
"""

from __future__ import annotations

import io
import re

import numpy as np
from PIL import Image, ImageCms

from stages.ingest.containers.stripped import ICC_PROFILE_IGNORED

_BAND = 4_000_000
"""Pixels converted at a time: a conversion makes several copies of them."""
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
"""EXIF orientation to the operation that turns the stored picture upright."""


def to_plain_rgb(
    image: Image.Image, profile: bytes | None, notes: set[str], shrink: int = 1
) -> Image.Image:
    """Convert a decoded picture of any mode to RGB, `shrink` times smaller; add to `notes`.

    Works in bands of rows, so that it needs little memory besides the picture.
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


def read_orientation(exif: bytes | None, xmp: bytes | None, notes: set[str]) -> int:
    """Return the orientation, 1 to 8, of the EXIF block, else of the XMP packet.

    An unreadable EXIF block is noted.
    """
    found = None
    try:
        block = Image.Exif()
        block.load(exif or b"")
        found = block.get(_ORIENTATION)
    except Exception:  # EXIF is untrusted TIFF: any field may be invalid
        notes.add("exif_ignored")
    if found is None and (match := _XMP_ORIENTATION.search(xmp or b"")):
        found = int(match[1])
    return found if isinstance(found, int) and found in _TURNS else 1


def turn_upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a stored picture upright."""
    return image if orientation == 1 else image.transpose(_TURNS[orientation])


def swaps_sides(orientation: int) -> bool:
    """Return whether turning the picture upright swaps width and height."""
    return orientation >= 5


def _to_eight_bits(image: Image.Image, notes: set[str]) -> Image.Image:
    """Convert modes of other value ranges to L, RGB, CMYK, LA or RGBA; 65535 becomes 255."""
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
    """The transform from a photo's colour profile to sRGB, built for the first band's mode."""

    def __init__(self, profile: bytes | None, notes: set[str]) -> None:
        self._profile, self._notes = profile, notes
        self._built: ImageCms.ImageCmsTransform | None = None

    def __call__(self, colours: Image.Image) -> Image.Image:
        """Convert the colours; without a usable profile they are returned unchanged."""
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
    """Convert to sRGB; without a usable profile the colours are assumed to be sRGB or plain
    CMYK."""
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    colours = image.convert({"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode))
    if image.mode == "CMYK":
        notes.add("cmyk_converted")
    colours = transform(colours).convert("RGB")
    if alpha is not None:
        colours.putalpha(alpha)
    return colours


def _flatten(image: Image.Image, notes: set[str]) -> Image.Image:
    """Put transparent pixels on white."""
    if image.mode != "RGBA":
        return image
    if image.getchannel("A").getextrema() != (255, 255):
        notes.add("transparency_on_white")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")
