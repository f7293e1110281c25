"""Damage that a decoder passes over: what libjpeg only warns of, bits that end too early, seams.

Measured rates: docs/ingest.md.
"""

from __future__ import annotations

import re

import numpy as np
import simplejpeg
from PIL import Image

from stages.engine.stage import RejectPhoto
from stages.ingest.codes import IngestCode
from stages.ingest.containers import webp
from stages.ingest.containers.stripped import END_MARKER_MISSING

DAMAGE_UNCHECKED = "damage_unchecked"
"""Note: the format's decoders say nothing of damage."""
DECODER_WARNING = "decoder_warning"
"""Note: libjpeg warned of something that leaves the pixels alone."""
FLAT_TAIL, REPEATED_TAIL = "flat_tail", "repeated_tail"
"""Notes: the last eighth of the rows is one colour, or one row again and again."""
_REMEDY = "copy it again from where it came"
_DATA_WARNING = re.compile(r"corrupt jpeg data|premature end", re.IGNORECASE)
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_UNITS = {
    "444": (8, 8), "422": (16, 8), "420": (16, 16), "440": (8, 16), "411": (32, 8),
    "441": (8, 32), "Gray": (8, 8),
}  # fmt: skip
"""Chroma subsampling to width and height of what a JPEG codes at a time."""
_SMALLEST_UNIT = 4
_SEAM, _SEAM_RATIO = 15.0, 3.0
"""Strength of a seam in grey levels, and over the strongest line off the grid."""
_TAIL = 0.125
"""Share of the rows."""


def check_jpeg(pixels: bytes, notes: set[str]) -> None:
    """Decode at an eighth of the size, with libjpeg's warnings; may add to `notes`.

    Raises:
        RejectPhoto: ``damaged``, or ``truncated`` where the end marker is missing too.
    """
    warning = _libjpeg_warning(pixels)
    ended = END_MARKER_MISSING not in notes
    if warning is None:
        return
    if not ended:
        raise RejectPhoto(IngestCode.TRUNCATED, f"ends too early: {_REMEDY}", detail=warning)
    if _DATA_WARNING.search(warning) and not _is_padding(pixels, warning):
        raise RejectPhoto(IngestCode.DAMAGED, f"has damaged image data: {_REMEDY}", detail=warning)
    notes.add(DECODER_WARNING)


def _libjpeg_warning(pixels: bytes) -> str | None:
    try:
        colours = simplejpeg.decode_jpeg_header(pixels)[2]
        wanted = {"CMYK": "CMYK", "YCCK": "CMYK", "Gray": "GRAY"}.get(colours, "RGB")
        simplejpeg.decode_jpeg(pixels, wanted, min_height=1, min_width=1)
    except ValueError as error:
        return str(error)
    return None


def _is_padding(pixels: bytes, warning: str) -> bool:
    """Whether the bytes too many before the end marker are one byte repeated: some cameras fill
    up so."""
    found = _EXTRANEOUS.search(warning)
    extra = pixels[-2 - int(found[1]) : -2] if found else b""
    return len(set(extra)) == 1


def check_webp(pixels: bytes) -> None:
    """Prove that the picture needs all its bits.

    Raises:
        RejectPhoto: ``damaged``.
    """
    if webp.ends_early(pixels):
        raise RejectPhoto(IngestCode.DAMAGED, f"has damaged image data: {_REMEDY}")


def check_seams(image: Image.Image, pixels: bytes) -> None:
    """Look for the place in a JPEG from where on all is shifted in brightness or colour.

    Raises:
        RejectPhoto: ``damaged``.
    """
    unit = _coded_unit(pixels, image.width)
    if unit is None:
        return
    values = np.asarray(image)
    values = values[..., None] if values.ndim == 2 else values
    strength, elsewhere = seam(values, *unit)
    if strength > _SEAM and strength > _SEAM_RATIO * elsewhere:
        message = (
            f"looks damaged (a seam across the picture): {_REMEDY}; if it is whole, make it a PNG"
        )
        raise RejectPhoto(
            IngestCode.DAMAGED, message, seam=round(strength, 1), elsewhere=round(elsewhere, 1)
        )


def _coded_unit(pixels: bytes, width: int) -> tuple[int, int] | None:
    """Width and height, in pixels of a picture decoded to `width`, of what is coded at a time."""
    try:
        _, full, _, subsampling = simplejpeg.decode_jpeg_header(pixels)
    except ValueError:
        return None
    scale = max(1, round(int(full) / width))  # pyright: ignore[reportArgumentType]
    across, down = (side // scale for side in _UNITS.get(subsampling, (0, 0)))
    return (across, down) if min(across, down) >= _SMALLEST_UNIT else None


def seam(values: np.ndarray, width: int, height: int) -> tuple[float, float]:
    """Strength of the strongest seam on the grid of coded units, and of lines off the grid.

    A JPEG codes brightness as the difference to the unit before. A flipped bit thus shifts all that
    follows by a constant: a step along one full row of units that begins anywhere in it, the same
    in each unit. Edges in a scene seldom lie on the grid, are seldom as even, and then there are
    others like them off the grid.

    Args:
        values: (H, W, C) uint8.
        width: of a coded unit in pixels.
        height: of a coded unit in pixels.
    """
    found = [
        _steps(values, width, height, offset) for offset in range(0, height, max(1, height // 4))
    ]
    return found[0], max(found[1:], default=0.0)


def _steps(values: np.ndarray, width: int, height: int, offset: int) -> float:
    """Strongest even step over as many units as a row has, at rows ``offset + k * height``."""
    columns = values.shape[1] // width
    rows = np.arange(height + offset, values.shape[0] - 1, height)
    if columns < 4 or not len(rows):
        return 0.0
    before, above, below, after = (
        values[rows + step, : columns * width].astype(np.int16) for step in (-2, -1, 0, 1)
    )
    # Twice the step between the rows, beyond what the rows beside them would let expect.
    step = 3 * (below - above) - (after - before)
    # A frame around the photo or a bar has an edge as straight, and nothing in it.
    bare = np.minimum(above[:, ::8].std(axis=1), below[:, ::8].std(axis=1)).max(axis=1) < 2
    step[bare] = 0
    channels = values.shape[2]
    means = step.reshape(-1, width, channels).mean(axis=1) / 2
    mean = _windows(means, columns)
    spread = np.sqrt(np.maximum(_windows(means**2, columns) - mean**2, 0))
    strength = (np.abs(mean) * np.minimum(np.abs(mean) / (spread + 1), 3)).max(axis=1)
    strongest = int(strength.argmax())
    # An edge from side to side, as of a collage: damage begins anywhere in a row.
    if offset == 0 and strongest % columns in {0, 1, columns - 1}:
        return 0.0
    return float(strength[strongest])


def _windows(values: np.ndarray, length: int) -> np.ndarray:
    """Means over all runs of `length` rows."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return (sums[length:] - sums[:-length]) / length


def look_for_damage(values: np.ndarray) -> set[str]:
    """Notes on a plain RGB picture, (H, W, 3) uint8, that may be what a decoder fills in where data
    is missing.

    A tail in middle grey is libjpeg's; other flat or repeated tails may be a wall or a border.

    Raises:
        RejectPhoto: ``blank`` or ``damaged``.
    """
    if _flat(values):
        colour = "#" + bytes(values[0, 0]).hex()
        raise RejectPhoto(
            IngestCode.BLANK, f"shows nothing but one colour ({colour}): leave it out"
        )
    tail = values[-max(8, round(_TAIL * len(values))) :].astype(np.int16)
    if _flat(tail):
        if np.abs(tail - 128).max() <= 2:
            raise RejectPhoto(
                IngestCode.DAMAGED, f"ends in plain grey, as files cut short do: {_REMEDY}"
            )
        return {FLAT_TAIL}
    return {REPEATED_TAIL} if np.abs(np.diff(tail, axis=0)).max() <= 1 else set()


def _flat(values: np.ndarray) -> bool:
    return bool(np.ptp(values.reshape(-1, 3), axis=0).max() <= 2)
