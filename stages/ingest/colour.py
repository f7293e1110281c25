"""Any of Pillow's pictures to plain RGB: upright, 8 bits, sRGB, nothing transparent.

The functions note what they had to assume or change as codes.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms, ImageOps


def to_plain_rgb(image: Image.Image, notes: set[str]) -> Image.Image:
    """A decoded picture of any mode to RGB; adds to `notes`."""
    profile = image.info.get("icc_profile")
    eight_bits = _to_eight_bits(_upright(image, notes), notes)
    return _flatten(_to_srgb(eight_bits, profile, notes), notes)


def _upright(image: Image.Image, notes: set[str]) -> Image.Image:
    """Apply the EXIF orientation; an unreadable EXIF block leaves the photo as stored."""
    try:
        turned = ImageOps.exif_transpose(image)
    except Exception:  # EXIF is a stranger's TIFF: any field may be nonsense
        notes.add("exif_ignored")
        return image
    return turned


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


def _to_srgb(image: Image.Image, profile: bytes | None, notes: set[str]) -> Image.Image:
    """Colours to sRGB; without a usable profile they are taken as sRGB (or plain CMYK) already."""
    alpha = image.getchannel("A") if "A" in image.getbands() else None
    colours = image.convert({"RGBA": "RGB", "LA": "L"}.get(image.mode, image.mode))
    if image.mode == "CMYK":
        notes.add("cmyk_converted")
    if profile:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(colours, source, target, outputMode="RGB")
            colours = converted or colours
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            notes.add("icc_profile_ignored")
    colours = colours.convert("RGB")
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
