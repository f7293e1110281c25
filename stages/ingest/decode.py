"""From a stranger's file to a clean picture: caps first, then pixels, then sRGB and upright."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

import pi_heif
from PIL import Image, UnidentifiedImageError

from stages.engine.stage import RejectPhoto
from stages.ingest import damage
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.colour import is_turned, orientation, to_plain_rgb, upright
from stages.ingest.containers import Stripped, strip, webp
from stages.ingest.large import LARGE, one_at_a_time

FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "HEIF")
MAX_SCANNED = 2_000_000_000
"""Pixels times scans of a progressive JPEG: its decoder goes over the picture once a scan."""
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
"""Format to offset and first bytes: how a file is taken apart and spoken of. Pillow decides."""
# Depth maps, thumbnails and other views in the file are not looked at.
pi_heif.register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)


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
    """Decode, convert to sRGB, put on white, scale down, turn upright.

    Raises:
        RejectPhoto: ``unsupported_format``, ``corrupt``, ``truncated``, ``damaged``,
            ``too_many_scans``, ``too_many_pixels``, ``too_small``, ``too_narrow`` or ``animated``.
    """
    stripped = strip(signature(data), data)
    notes = set(stripped.notes)
    with warnings.catch_warnings():
        # Between Pillow's limit and twice that it only warns; `max_pixels` decides.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        # Damaged EXIF is put right or noted below.
        warnings.simplefilter("ignore", UserWarning)
        with _open(stripped.pixels, limits) as header:
            _check_header(header, limits, stripped.scans)
            kind, stored = str(header.format), header.size
            exif = stripped.exif or header.info.get("exif")
            with one_at_a_time(stored[0] * stored[1]):
                picture = _plain(header, stripped, limits, notes)
        turn = orientation(exif, stripped.xmp, notes)
    picture = upright(picture, turn)
    size = (stored[1], stored[0]) if is_turned(turn) else stored
    target = _scaled(size, limits.max_side)
    if picture.size != target:
        picture = picture.resize(target, Image.Resampling.LANCZOS)
    return Decoded(picture, kind, size if size != target else None, tuple(sorted(notes)))


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
            IngestAside.UNSUPPORTED_FORMAT,
            f"{what}; photos must be JPEG, PNG, WebP, HEIC or AVIF: convert it",
        ) from error
    except Exception as error:  # a hostile header may raise anything in a decoder
        raise _broken(error) from error


def _check_header(image: Image.Image, limits: Limits, scans: int) -> None:
    width, height = image.size
    evidence = {"width": width, "height": height}
    if width * height > limits.max_pixels:
        message = f"is {width} x {height}; at most {limits.max_pixels:,} pixels: scale it down"
        raise RejectPhoto(IngestCode.TOO_MANY_PIXELS, message, **evidence)
    if width * height * scans > MAX_SCANNED:
        message = f"is {width} x {height} in {scans} scans, which takes very long to decode: "
        raise RejectPhoto(
            IngestCode.TOO_MANY_SCANS, f"{message}export it again", scans=scans, **evidence
        )
    if min(width, height) < limits.min_side:
        message = f"is {width} x {height}; both sides need {limits.min_side} px or more"
        raise RejectPhoto(IngestAside.TOO_SMALL, message, **evidence)
    if min(_scaled((width, height), limits.max_side)) < limits.min_side:
        message = (
            f"is {width} x {height}; scaled to {limits.max_side} px its short side "
            f"falls under {limits.min_side}: crop it"
        )
        raise RejectPhoto(IngestAside.TOO_NARROW, message, **evidence)
    # HEIC files may hold further pictures behind the photo.
    frames = getattr(image, "n_frames", 1)
    if frames != 1 and image.format != "HEIF":
        message = f"is an animation of {frames} frames: export the one you want"
        raise RejectPhoto(IngestAside.ANIMATED, message, frames=frames)


def _plain(header: Image.Image, stripped: Stripped, limits: Limits, notes: set[str]) -> Image.Image:
    """The pixels as plain RGB, as stored; large ones somewhat smaller. `header` is used up."""
    shrink = _shrink(header.size, limits.max_side)
    image = _loaded(header, stripped.pixels, shrink, notes)
    profile = stripped.icc or header.info.get("icc_profile")
    try:
        return to_plain_rgb(image, profile, notes, _shrink(image.size, limits.max_side))
    finally:
        image.close()


def _loaded(image: Image.Image, pixels: bytes, shrink: int, notes: set[str]) -> Image.Image:
    """Decode; signs of damage that the decoder passes over are looked for."""
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
    except Exception as error:  # whatever a decoder makes of hostile bytes
        raise _broken(error) from error
    if image.format == "JPEG":
        damage.check_seams(image, pixels)
    return image


def _shrink(size: tuple[int, int], max_side: int) -> int:
    """How many times smaller a large picture may be made before it is scaled down in earnest."""
    if size[0] * size[1] <= LARGE:
        return 1
    return max(1, max(size) // (2 * max_side))


def _broken(error: Exception) -> RejectPhoto:
    if "truncated" in str(error).lower():
        return RejectPhoto(IngestCode.TRUNCATED, "ends too early: copy it again", detail=str(error))
    return RejectPhoto(IngestCode.CORRUPT, "cannot be decoded: export it again", detail=str(error))


def _scaled(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """Width and height when the long side is at most `max_side`."""
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
