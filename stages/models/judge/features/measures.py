"""Measures of a rendered flaw for the compact judge, in addition to its movement (`judge`).

All are measured in the window at the model's size, flaw relative to control.

- ``texture``, ``texture_was``, ``texture_now``: log of the mean step between neighbouring pixels
  in the control's window, in its targets, in the flaw's targets. A busy image hides a flaw
  (contrast masking: Legge and Foley 1980).
- ``sharpness``: log of the steps in the targets relative to those in their reference patches.
- ``zoom``: log of photo pixels per model pixel; 0 if the window has the model's size.
- ``size``: log of the mask's area in tokens; ``solid``: share of its box that the mask covers.
- ``colour``: mean CIELAB difference on the mask.
- ``seam``, ``seam_seen``, ``grid``: steps across torn borders relative to the control's; the share
  of them that are conspicuous; steps across all token borders inside the targets, relative to
  other steps there.
- ``rise``, ``left``: `appearance.likeness`.
- ``facial``: 1 for parts of a face, whose names are the most reliable ones of perception (if a hand
  is not really one, the flaw affects another thing than intended). ``positional``: 1 if only the
  position of the part is known, not what it is.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage.color import rgb2lab

from stages.models.judge.features import appearance, patches, seams
from stages.models.judge.features.appearance import Features
from stages.models.protocols import Case, Image
from stages.records.documents import TOKEN
from stages.records.masks import Mask, bounding_box, from_grid
from stages.records.source_index import Index, source_index
from stages.records.tiles import to_tiles

NAMES = ("texture", "texture_was", "texture_now", "sharpness", "zoom", "size", "solid", "colour",
         "seam", "seam_seen", "grid", "rise", "left", "facial", "positional")  # fmt: skip
"""The measures."""
SMOOTHING = 2.0
"""Gaussian sigma in model pixels of the colour difference."""
FACE = frozenset({"face", "eye", "nose", "mouth", "ear", "brow"})
"""Kinds of parts of a face."""
FLOOR = 0.5
"""Grey levels added to a mean step before taking its logarithm."""


def measure(case: Case, control: list[Features], artifact: list[Features]) -> dict[str, float]:
    """Compute all measures listed in the module's docstring.

    Args:
        case: input of the judge.
        control: (rows, columns, d) features of `appearance.BLOCKS` for the control's window.
        artifact: the same features for the flaw's window.
    """
    grid = case.window.grid
    index = source_index(case.variant, grid)
    before, after = (appearance.directions(layers, control) for layers in (control, artifact))
    return {
        **texture(case.window_control, case.window_artifact, index),
        **shape(case),
        **borders(case.window_control, case.window_artifact, index, grid),
        **appearance.likeness(before, after, index),
        "facial": float(case.variant.part_kind in FACE),
        "positional": float(case.variant.positional),
    }


def texture(control: Image, artifact: Image, index: Index) -> dict[str, float]:
    """Measure steps inside patches; if nothing moved, the targets get those of the window."""
    moved = index != np.arange(len(index))
    before, after = (to_tiles(image.astype(np.float32)) for image in (control, artifact))
    overall = _log(before)
    if not moved.any():
        return dict.fromkeys(("texture", "texture_was", "texture_now"), overall) | {
            "sharpness": 0.0
        }
    return {
        "texture": overall,
        "texture_was": _log(before[moved]),
        "texture_now": _log(after[moved]),
        "sharpness": _log(after[moved]) - _log(before[index[moved]]),
    }


def shape(case: Case) -> dict[str, float]:
    """Measure size, shape and colour difference of the visible flaw."""
    x0, y0, x1, y1 = case.window.box
    width, height = case.window.size
    seen = case.mask[y0:y1, x0:x1].astype(np.uint8)
    mask = cv2.resize(seen, (width, height), interpolation=cv2.INTER_NEAREST) > 0
    left, top, right, bottom = bounding_box(mask)
    lab = [_smooth(rgb2lab(image)) for image in (case.window_artifact, case.window_control)]
    difference = np.linalg.norm(lab[0] - lab[1], axis=2)
    return {
        "zoom": math.log((x1 - x0) / width),
        "size": math.log(mask.sum() / TOKEN**2 + FLOOR),
        "solid": float(mask.sum() / max((right - left) * (bottom - top), 1)),
        "colour": float(difference[mask].mean()) if mask.any() else 0.0,
    }


def borders(
    control: Image, artifact: Image, index: Index, grid: tuple[int, int]
) -> dict[str, float]:
    """Measure the seam; all values are 0 if the borders look like those of the control."""
    contrast, seen = seams.seam(control, artifact, index, grid)
    targets = (index != np.arange(len(index))).reshape(grid)
    zone = from_grid(targets, (0, 0, control.shape[1], control.shape[0]), control.shape[:2])
    return {
        "seam": contrast or 0.0,
        "seam_seen": seen or 0.0,
        "grid": _period(artifact, zone) - _period(control, zone),
    }


def _period(picture: Image, zone: Mask) -> float:
    """Return log of the steps across token borders inside `zone` relative to its other steps."""
    on, off = [], []
    for pixels, inside in ((picture, zone), (picture.swapaxes(0, 1), zone.T)):
        steps = np.abs(np.diff(pixels.astype(np.float32), axis=0)).mean(2)
        both = inside[1:] & inside[:-1]
        border = np.arange(1, len(inside)) % TOKEN == 0
        on.append(steps[border][both[border]])
        off.append(steps[~border][both[~border]])
    here, there = np.concatenate(on), np.concatenate(off)
    if not len(here) or not len(there):
        return 0.0
    return math.log((here.mean() + FLOOR) / (there.mean() + FLOOR))


def _log(tokens: NDArray[np.float32]) -> float:
    return math.log(patches.energy(tokens) + FLOOR)


def _smooth(picture: NDArray[np.float64]) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(picture.astype(np.float32), (0, 0), SMOOTHING), np.float32)
