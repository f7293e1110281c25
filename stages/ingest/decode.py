"""Decode untrusted files into clean pictures: check limits, decode, convert to sRGB, turn
upright."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import pi_heif
from PIL import Image, UnidentifiedImageError

from stages.engine.stage import RejectPhoto
from stages.ingest import damage
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.colour import read_orientation, swaps_sides, to_plain_rgb, turn_upright
from stages.ingest.containers import Stripped, strip, webp
from stages.ingest.large import LARGE, lock_large

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
MAX_SCANNED = 2_000_000_000
"""Maximum of pixels times scans of a progressive JPEG: a decoder passes over the picture for each
scan."""
_SIGNATURES = {
    "GIF": (0, b"GIF8"),
    "BMP": (0, b"BM"),
    "TIFF": (0, b"II*\0"),
    "TIFF ": (0, b"MM\0*"),
    "PDF": (0, b"%PDF"),
    "JPEG": (0, b"\xff\xd8\xff"),
    "PNG": (0, b"\x89PNG\r\n\x1a\n"),
    "WEBP": (8, b"WEBP"),
    "AVIF": (4, b"ftypavi"),
    "HEIF": (4, b"ftyphe"),
    "HEIF ": (4, b"ftypmif1"),
    "HEIF  ": (4, b"ftypmsf1"),
}
"""Format to offset and first bytes, for stripping and for messages. Pillow decides the format."""
# Depth maps, thumbnails and auxiliary images in the file are ignored.
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


@dataclass(frozen=True)
class Limits:
    """The limits of a photo; sides and pixels are those stored in the file."""

    max_pixels: int
    min_side: int
    max_side: int
    """Photos with a longer side are scaled down to it."""


@dataclass(frozen=True)
class Decoded:
    """A photo ready for the stages."""

    image: Image.Image
    """RGB, 8 bits, sRGB, upright, without metadata."""
    format: str
    """Pillow's name of the file's format."""
    scaled_from: tuple[int, int] | None
    """Upright width and height before scaling; None when it was not scaled."""
    notes: tuple[str, ...]
    """Codes of assumptions and changes, in snake_case, sorted."""


def detect_format(data: bytes) -> str | None:
    """Return the format that the first bytes stand for, or None."""
    for name, (offset, magic) in _SIGNATURES.items():
        if data[offset : offset + len(magic)] == magic:
            return name.strip()
    return None


def decode(data: bytes, limits: Limits) -> Decoded:
    """Decode, convert to sRGB, flatten on white, scale down, turn upright.

    Raises:
        RejectPhoto: ``unsupported_format``, ``corrupt``, ``truncated``, ``damaged``,
            ``too_many_scans``, ``too_many_pixels``, ``too_small``, ``too_narrow`` or ``animated``.
    """
    stripped = strip(detect_format(data), data)
    notes = set(stripped.notes)
    with warnings.catch_warnings():
        # Pillow only warns between its limit and twice its limit; `max_pixels` decides.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Damaged EXIF is ignored or noted below.
        warnings.simplefilter("ignore", UserWarning)
        with _open(stripped.pixels, limits) as header:
            _check_header(header, limits, stripped.scans)
            kind, stored = str(header.format), header.size
            exif = stripped.exif or header.info.get("exif")
            with lock_large(stored[0] * stored[1]):
                picture = _decode_plain(header, stripped, limits, notes)
        orientation = read_orientation(exif, stripped.xmp, notes)
    picture = turn_upright(picture, orientation)
    size = (stored[1], stored[0]) if swaps_sides(orientation) else stored
    target = _scale_size(size, limits.max_side)
    if picture.size != target:
        picture = picture.resize(target, Image.Resampling.LANCZOS)
    return Decoded(picture, kind, size if size != target else None, tuple(sorted(notes)))


def perceptual_hash(image: Image.Image) -> str:
    """Compute the 64-bit DCT hash (imagehash's ``phash``) as 16 hex digits."""
    import imagehash

    return str(imagehash.phash(image))


def _open(data: bytes, limits: Limits) -> Image.Image:
    """Read only the header; Pillow does not decode yet."""
    try:
        return Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise RejectPhoto(
            IngestCode.TOO_MANY_PIXELS,
            f"declares more than {limits.max_pixels:,} pixels: scale it down",
            detail=str(error),
        ) from error
    except UnidentifiedImageError as error:
        kind = detect_format(data)
        if kind in FORMATS:
            raise RejectPhoto(
                IngestCode.CORRUPT,
                f"starts like a {kind} but its header is damaged: export it again",
            ) from error
        what = f"is a {kind}" if kind else "is not a known image format"
        raise RejectPhoto(
            IngestAside.UNSUPPORTED_FORMAT,
            f"{what}; photos must be JPEG, PNG, WebP, HEIC or AVIF: convert it",
        ) from error
    except MemoryError:  # the machine's fault, not the file's
        raise
    except Exception as error:  # an untrusted header may raise any exception in a decoder
        raise _decoding_failed(error) from error


def _check_header(image: Image.Image, limits: Limits, scans: int) -> None:
    width, height = image.size
    evidence = {"width": width, "height": height}
    if width * height > limits.max_pixels:
        message = f"is {width} x {height}; at most {limits.max_pixels:,} pixels: scale it down"
        raise RejectPhoto(IngestCode.TOO_MANY_PIXELS, message, **evidence)
    if width * height * scans > MAX_SCANNED:
        message = f"is {width} x {height} in {scans} scans, which takes too long to decode: "
        raise RejectPhoto(
            IngestCode.TOO_MANY_SCANS, f"{message}export it again", scans=scans, **evidence
        )
    if min(width, height) < limits.min_side:
        message = f"is {width} x {height}; both sides need {limits.min_side} px or more"
        raise RejectPhoto(IngestAside.TOO_SMALL, message, **evidence)
    if min(_scale_size((width, height), limits.max_side)) < limits.min_side:
        message = (
            f"is {width} x {height}; scaled to {limits.max_side} px its short side "
            f"falls below {limits.min_side}: crop it"
        )
        raise RejectPhoto(IngestAside.TOO_NARROW, message, **evidence)
    # HEIC files may contain further pictures after the photo.
    frames = getattr(image, "n_frames", 1)
    if frames != 1 and image.format != "HEIF":
        message = f"is an animation of {frames} frames: export the one you want"
        raise RejectPhoto(IngestAside.ANIMATED, message, frames=frames)


def _decode_plain(
    header: Image.Image, stripped: Stripped, limits: Limits, notes: set[str]
) -> Image.Image:
    """Decode to plain RGB in the stored orientation, large photos at a reduced size.

    Closes `header`.
    """
    shrink = _shrink_factor(header.size, limits.max_side)
    image = _load(header, stripped.pixels, shrink, notes)
    profile = stripped.icc or header.info.get("icc_profile")
    try:
        return to_plain_rgb(image, profile, notes, _shrink_factor(image.size, limits.max_side))
    finally:
        image.close()


def _load(image: Image.Image, pixels: bytes, shrink: int, notes: set[str]) -> Image.Image:
    """Decode, and check for damage that the decoder ignores."""
    if image.format == "JPEG":
        damage.check_jpeg(pixels, notes)
        if shrink > 1:
            image.draft(None, (image.width // shrink, image.height // shrink))
    elif image.format == "WEBP":
        damage.check_webp(pixels)
        return webp.decode(pixels)
    elif image.format != "PNG":
        notes.add(damage.DAMAGE_UNCHECKED)
    try:
        image.load()
    except MemoryError:  # as above
        raise
    except Exception as error:  # untrusted bytes may raise any exception in a decoder
        raise _decoding_failed(error) from error
    if image.format == "JPEG":
        damage.check_seams(image, pixels)
    return image


def _shrink_factor(size: tuple[int, int], max_side: int) -> int:
    """Return the factor by which a large picture may be reduced before the final scaling."""
    if size[0] * size[1] <= LARGE:
        return 1
    return max(1, max(size) // (2 * max_side))


def _decoding_failed(error: Exception) -> RejectPhoto:
    if "truncated" in str(error).lower():
        return RejectPhoto(IngestCode.TRUNCATED, "ends too early: copy it again", detail=str(error))
    return RejectPhoto(IngestCode.CORRUPT, "cannot be decoded: export it again", detail=str(error))


def _scale_size(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Scale width and height down to a long side of at most `max_side`."""
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
