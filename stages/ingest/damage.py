"""Detect damage that decoders ignore: libjpeg's warnings, bits that end early, seams, flat tails.

docs/ingest.md has the measured rates.
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
"""Note: the format's decoders do not report damage."""
DECODER_WARNING = "decoder_warning"
"""Note: libjpeg gave a warning that does not concern the pixels."""
FLAT_TAIL, REPEATED_TAIL = "flat_tail", "repeated_tail"
"""Notes: the last eighth of the rows has one colour, or repeats one row."""
_REMEDY = "copy it again from its source"
_DATA_WARNING = re.compile(r"corrupt jpeg data|premature end", re.IGNORECASE)
_EXTRANEOUS = re.compile(r"(\d+) extraneous bytes before marker 0xd9")
_UNITS = {
    "444": (8, 8), "422": (16, 8), "420": (16, 16), "440": (8, 16), "411": (32, 8),
    "441": (8, 32), "Gray": (8, 8),
}  # fmt: skip
"""Chroma subsampling to width and height of a coded unit of a JPEG."""
_SMALLEST_UNIT = 4
_SEAM, _SEAM_RATIO = 15.0, 3.0
"""Minimum strength of a seam in grey levels, and relative to the strongest line off the grid."""
_TAIL = 0.125
"""Share of the rows that count as the tail."""


def check_jpeg(pixels: bytes, notes: set[str]) -> None:
    """Decode at an eighth of the size and check libjpeg's warnings; may add to `notes`.

    Raises:
        RejectPhoto: ``damaged``, or ``truncated`` if the end marker is missing too.
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
    """Return whether the extra bytes before the end marker repeat one byte, as some cameras pad."""
    found = _EXTRANEOUS.search(warning)
    extra = pixels[-2 - int(found[1]) : -2] if found else b""
    return len(set(extra)) == 1


def check_webp(pixels: bytes) -> None:
    """Check that decoding the picture needs all its bits.

    Raises:
        RejectPhoto: ``damaged``.
    """
    if webp.ends_early(pixels):
        raise RejectPhoto(IngestCode.DAMAGED, f"has damaged image data: {_REMEDY}")


def check_seams(image: Image.Image, pixels: bytes) -> None:
    """Look for a place in a JPEG after which all pixels are shifted in brightness or colour.

    Raises:
        RejectPhoto: ``damaged``.
    """
    unit = _coded_unit(pixels, image.width)
    if unit is None:
        return
    values = np.asarray(image)
    values = values[..., None] if values.ndim == 2 else values
    strength, elsewhere = measure_seam(values, *unit)
    if strength > _SEAM and strength > _SEAM_RATIO * elsewhere:
        message = (
            f"looks damaged (a seam across the picture): {_REMEDY}; if it is not, save it as PNG"
        )
        raise RejectPhoto(
            IngestCode.DAMAGED, message, seam=round(strength, 1), elsewhere=round(elsewhere, 1)
        )


def _coded_unit(pixels: bytes, width: int) -> tuple[int, int] | None:
    """Return width and height of a coded unit, in pixels of a picture decoded to `width`."""
    try:
        _, full, _, subsampling = simplejpeg.decode_jpeg_header(pixels)
    except ValueError:
        return None
    scale = max(1, round(int(full) / width))  # pyright: ignore[reportArgumentType]
    across, down = (side // scale for side in _UNITS.get(subsampling, (0, 0)))
    return (across, down) if min(across, down) >= _SMALLEST_UNIT else None


def measure_seam(values: np.ndarray, width: int, height: int) -> tuple[float, float]:
    """Return the strength of the strongest seam on the grid of coded units, and of lines off it.

    A JPEG codes brightness as the difference from the previous unit. A flipped bit therefore shifts
    everything after it by a constant: a step along one full row of units, starting anywhere in it,
    the same in each unit. Edges in a scene seldom lie on the grid and are seldom as even; where
    they are, there are similar ones off the grid.

    Args:
        values: (H, W, C) uint8.
        width: width of a coded unit in pixels.
        height: height of a coded unit in pixels.
    """
    found = [
        _strongest_step(values, width, height, offset)
        for offset in range(0, height, max(1, height // 4))
    ]
    return found[0], max(found[1:], default=0.0)


def _strongest_step(values: np.ndarray, width: int, height: int, offset: int) -> float:
    """Return the strongest even step along one row of units, at rows ``offset + k * height``."""
    columns = values.shape[1] // width
    rows = np.arange(height + offset, values.shape[0] - 1, height)
    if columns < 4 or not len(rows):
        return 0.0
    before, above, below, after = (
        values[rows + step, : columns * width].astype(np.int16) for step in (-2, -1, 0, 1)
    )
    # Twice the step between the rows, minus the step that the rows beside them predict.
    step = 3 * (below - above) - (after - before)
    # The edge of a frame or a bar is as straight, but one side of it has no texture.
    bare = np.minimum(above[:, ::8].std(axis=1), below[:, ::8].std(axis=1)).max(axis=1) < 2
    step[bare] = 0
    channels = values.shape[2]
    means = step.reshape(-1, width, channels).mean(axis=1) / 2
    mean = _window_means(means, columns)
    spread = np.sqrt(np.maximum(_window_means(means**2, columns) - mean**2, 0))
    strength = (np.abs(mean) * np.minimum(np.abs(mean) / (spread + 1), 3)).max(axis=1)
    strongest = int(strength.argmax())
    # An edge across the full width, as in a collage; damage starts anywhere in a row.
    if offset == 0 and strongest % columns in {0, 1, columns - 1}:
        return 0.0
    return float(strength[strongest])


def _window_means(values: np.ndarray, length: int) -> np.ndarray:
    """Return the means over all runs of `length` rows."""
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])
    return (sums[length:] - sums[:-length]) / length


def look_for_damage(values: np.ndarray) -> set[str]:
    """Check a plain RGB picture, (H, W, 3) uint8, for tails that decoders fill in for missing data.

    A tail in middle grey is libjpeg's and is refused. Other flat or repeated tails may be a wall or
    a border and are returned as notes.

    Raises:
        RejectPhoto: ``blank`` or ``damaged``.
    """
    if _is_flat(values):
        colour = "#" + bytes(values[0, 0]).hex()
        raise RejectPhoto(IngestCode.BLANK, f"shows nothing but one colour ({colour}): remove it")
    tail = values[-max(8, round(_TAIL * len(values))) :].astype(np.int16)
    if _is_flat(tail):
        if np.abs(tail - 128).max() <= 2:
            raise RejectPhoto(
                IngestCode.DAMAGED, f"ends in plain grey, as truncated files do: {_REMEDY}"
            )
        return {FLAT_TAIL}
    return {REPEATED_TAIL} if np.abs(np.diff(tail, axis=0)).max() <= 1 else set()


def _is_flat(values: np.ndarray) -> bool:
    return bool(np.ptp(values.reshape(-1, 3), axis=0).max() <= 2)
