"""From a stranger's file to a clean picture: caps first, then pixels, then sRGB and upright."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, UnidentifiedImageError

from stages.engine.stage import RejectPhoto
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.colour import to_plain_rgb

FORMATS = ("JPEG", "PNG", "WEBP")
_SIGNATURES = {
    "GIF": (0, b"GIF8"),
    "BMP": (0, b"BM"),
    "TIFF": (0, b"II*\0"),
    "TIFF ": (0, b"MM\0*"),
    "HEIC": (4, b"ftyphei"),
    "HEIC ": (4, b"ftypmif1"),
    "AVIF": (4, b"ftypavi"),
    "PDF": (0, b"%PDF"),
    "JPEG": (0, b"\xff\xd8\xff"),
    "PNG": (0, b"\x89PNG\r\n\x1a\n"),
    "WEBP": (8, b"WEBP"),
}
"""Format to offset and first bytes, for the words of a reject only: Pillow decides."""


@dataclass(frozen=True)
class Limits:
    """What a photo may be; sides and pixels as stored in the file."""

    max_pixels: int
    min_side: int
    max_side: int
    """Longer photos are scaled down to it."""


@dataclass(frozen=True)
class Decoded:
    """A photo ready for the stages."""

    image: Image.Image
    """RGB, 8 bits, sRGB, upright; carries no metadata."""
    format: str
    """Pillow's name of the file's format."""
    scaled_from: tuple[int, int] | None
    """Upright width and height before scaling; None when it kept its size."""
    notes: tuple[str, ...]
    """What had to be assumed or changed: snake_case codes, sorted."""


def signature(data: bytes) -> str | None:
    """Name of the format the first bytes stand for, if known."""
    for name, (offset, magic) in _SIGNATURES.items():
        if data[offset : offset + len(magic)] == magic:
            return name.strip()
    return None


def decode(data: bytes, limits: Limits) -> Decoded:
    """Decode, turn upright, convert to sRGB, put on white, scale down.

    Raises:
        RejectPhoto: ``unsupported_format``, ``corrupt``, ``truncated``, ``too_many_pixels``,
            ``too_small``, ``too_narrow`` or ``animated``.
    """
    with warnings.catch_warnings():
        # Between Pillow's limit and twice that it only warns; `max_pixels` decides.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Damaged EXIF is put right or noted below.
        warnings.simplefilter("ignore", UserWarning)
        with _open(data, limits) as image:
            _check_header(image, limits)
            kind = "JPEG" if image.format == "MPO" else str(image.format)
            _load(image)
            notes: set[str] = set()
            picture = to_plain_rgb(image, notes)
    size = picture.size
    if max(size) > limits.max_side:
        picture = picture.resize(_scaled(size, limits.max_side), Image.Resampling.LANCZOS)
    # Through an array: nothing of `info` (EXIF, profiles, comments) comes along.
    clean = Image.fromarray(np.asarray(picture))
    return Decoded(clean, kind, size if clean.size != size else None, tuple(sorted(notes)))


def perceptual_hash(image: Image.Image) -> str:
    """64-bit DCT hash (imagehash's ``phash``) as 16 hex digits."""
    import imagehash

    return str(imagehash.phash(image))


def _open(data: bytes, limits: Limits) -> Image.Image:
    """Read the header only; Pillow decodes nothing yet."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise RejectPhoto(
            IngestCode.TOO_MANY_PIXELS,
            f"declares more than {limits.max_pixels:,} pixels: scale it down",
            detail=str(error),
        ) from error
    except UnidentifiedImageError as error:
        kind = signature(data)
        if kind in FORMATS:
            raise RejectPhoto(
                IngestCode.CORRUPT,
                f"starts like a {kind} but its header is damaged: export it again",
            ) from error
        what = f"is a {kind}" if kind else "is no image known here"
        raise RejectPhoto(
            IngestAside.UNSUPPORTED_FORMAT, f"{what}; photos must be JPEG, PNG or WebP: convert it"
        ) from error
    except Exception as error:  # a hostile header may raise anything in a decoder
        raise _broken(error) from error


def _check_header(image: Image.Image, limits: Limits) -> None:
    width, height = image.size
    evidence = {"width": width, "height": height}
    if width * height > limits.max_pixels:
        message = f"is {width} x {height}; at most {limits.max_pixels:,} pixels: scale it down"
        raise RejectPhoto(IngestCode.TOO_MANY_PIXELS, message, **evidence)
    if min(width, height) < limits.min_side:
        message = f"is {width} x {height}; both sides need {limits.min_side} px or more"
        raise RejectPhoto(IngestAside.TOO_SMALL, message, **evidence)
    if min(_scaled((width, height), limits.max_side)) < limits.min_side:
        message = (
            f"is {width} x {height}; scaled to {limits.max_side} px its short side "
            f"falls under {limits.min_side}: crop it"
        )
        raise RejectPhoto(IngestAside.TOO_NARROW, message, **evidence)
    # A phone's MPO is a JPEG with extra views behind the photo: the first frame is the photo.
    frames = getattr(image, "n_frames", 1)
    if frames != 1 and image.format != "MPO":
        message = f"is an animation of {frames} frames: export the one you want"
        raise RejectPhoto(IngestAside.ANIMATED, message, frames=frames)


def _load(image: Image.Image) -> None:
    try:
        image.load()
    except Exception as error:  # whatever a decoder makes of hostile bytes
        raise _broken(error) from error


def _broken(error: Exception) -> RejectPhoto:
    if "truncated" in str(error).lower():
        return RejectPhoto(IngestCode.TRUNCATED, "ends too early: copy it again", detail=str(error))
    return RejectPhoto(IngestCode.CORRUPT, "cannot be decoded: export it again", detail=str(error))


def _scaled(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Width and height when the long side is at most `max_side`."""
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
