"""Divide a thing into parts by its structure: limbs, and coherent pieces of its trunk.

The trunk is cut into superpixels (maskSLIC, Irving 2016) over colour and a classifier's middle
features, so that borders follow both edges and semantic boundaries. A part without a known name is
named by its place.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from skimage.segmentation import slic

from stages.models.perceiver.regions import Region, largest_component
from stages.models.perceiver.things import protrusions
from stages.records.documents import Box
from stages.records.images import Image
from stages.records.masks import Mask, bounding_box
from stages.tools.aspects.parts import BOTH, tools_for

Array = NDArray[np.float32]

KIND = "part"
PLACES = {
    "upper left part": (1, 1), "upper part": (3, 1), "upper right part": (5, 1),
    "left part": (1, 3), "middle part": (3, 3), "right part": (5, 3),
    "lower left part": (1, 5), "lower part": (3, 5), "lower right part": (5, 5),
}  # fmt: skip
"""Name to x and y in sixths of the entity's box, as seen by the viewer."""
SIDE = 256
"""Maximum side of the crop in which parts are cut, in pixels."""
MARGIN = 0.05
"""Margin around the thing's box, as a share of its longer side."""
COMPONENTS = 6
"""Number of principal components of the classifier's features."""
COMPACT = 3.0
"""Compactness of SLIC: pieces are compact and still follow the photo's edges."""
MIN_PIECE = 0.04
"""Minimum share of the thing for a piece of its trunk."""
MAX_LIMBS = 6
"""Maximum number of limbs; smaller ones stay part of the trunk."""


def crop_box(mask: Mask) -> Box:
    """Return the thing's box with a margin, inside the photo."""
    x0, y0, x1, y1 = bounding_box(mask)
    height, width = mask.shape
    margin = round(MARGIN * max(x1 - x0, y1 - y0))
    return (
        max(x0 - margin, 0),
        max(y0 - margin, 0),
        min(x1 + margin, width),
        min(y1 + margin, height),
    )


def find_parts(
    image: Image, mask: Mask, features: Array, score: float, count: int, group: str
) -> list[Region]:
    """Find limbs and pieces of the trunk, about `count` in all; fewer than two count as none.

    Args:
        image: (H, W, 3) photo.
        mask: (H, W) mask of the thing.
        features: (C, h, w) features of the classifier for the crop `crop_box`.
        score: score of the thing, which its parts get too.
        count: number of parts wanted; at most nine are named by place.
        group: the kind of animal (`names.GROUPS`); empty for anything else.
    """
    box = x0, y0, x1, y1 = crop_box(mask)
    scale = min(1.0, SIDE / max(y1 - y0, x1 - x0))
    size = (max(round((x1 - x0) * scale), 8), max(round((y1 - y0) * scale), 8))
    crop = np.asarray(cv2.resize(image[y0:y1, x0:x1], size, interpolation=cv2.INTER_AREA), np.uint8)
    cut = mask[y0:y1, x0:x1].astype(np.float32)
    thing = cv2.resize(cut, size, interpolation=cv2.INTER_AREA) > 0.5
    if not thing.any():
        return []
    border = _photo_border(box, mask.shape, thing.shape)
    found = protrusions.find_protrusions(thing, border)[:MAX_LIMBS]
    words = protrusions.name_limbs(found, group) if group else [""] * len(found)
    trunk = thing.copy()
    for limb in found:
        trunk &= ~limb.mask
    pieces = [
        piece
        for piece in cut_trunk(crop, largest_component(trunk), features, count - len(found))
        if piece.sum() >= MIN_PIECE * thing.sum()
    ]
    masks = _enlarge([*(limb.mask for limb in found), *pieces], mask, box)
    return _build_regions(masks, [*words, *[""] * len(pieces)], bounding_box(mask), score)


def cut_trunk(crop: Image, trunk: Mask, features: Array, count: int) -> list[Mask]:
    """Cut (h, w) `trunk` into about `count` pieces, at least two; `crop` has the same size."""
    lab = cv2.cvtColor(crop.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) / 25
    size = (crop.shape[1], crop.shape[0])
    deep = cv2.resize(principal_components(features), size, interpolation=cv2.INTER_LINEAR)
    channels = np.concatenate([lab, 2 * deep], axis=-1).astype(np.float64)
    labels = slic(
        channels, n_segments=max(count, 2), compactness=COMPACT, sigma=1, mask=trunk,
        start_label=1, convert2lab=False, channel_axis=-1,
    )  # fmt: skip
    return [largest_component(labels == i) for i in range(1, int(labels.max()) + 1)]


def principal_components(features: Array) -> Array:
    """Compute the first 6 principal components of standardised channels: (C, h, w) to (h, w, 6).

    The first component has unit variance. Signs are arbitrary, distances are not.
    """
    channels, height, width = features.shape
    rows = features.reshape(channels, -1).T.astype(np.float64)
    rows = (rows - rows.mean(0)) / (rows.std(0) + 1e-6)
    left, strength, _ = np.linalg.svd(rows, full_matrices=False)
    scores = (left * strength)[:, :COMPONENTS]
    scores /= strength[0] / np.sqrt(len(rows)) + 1e-6
    return scores.reshape(height, width, -1).astype(np.float32)


def _photo_border(box: Box, photo: tuple[int, ...], shape: tuple[int, ...]) -> Mask:
    """Return the (h, w) mask of the photo's border where `box` reaches it."""
    x0, y0, x1, y1 = box
    rim = np.zeros(shape, bool)
    rim[:2] |= y0 == 0
    rim[-2:] |= y1 == photo[0]
    rim[:, :2] |= x0 == 0
    rim[:, -2:] |= x1 == photo[1]
    return rim


def _enlarge(pieces: list[Mask], thing: Mask, box: Box) -> list[Mask]:
    """Enlarge (h, w) pieces to disjoint (H, W) masks of the photo, inside `thing`."""
    x0, y0, x1, y1 = box
    inside, size = thing[y0:y1, x0:x1], (x1 - x0, y1 - y0)
    values = [cv2.resize(p.astype(np.float32), size) for p in pieces]
    best = np.argmax([np.full(inside.shape, 0.25, np.float32), *values], axis=0)
    out = []
    for number in range(1, len(pieces) + 1):
        full = np.zeros_like(thing)
        full[y0:y1, x0:x1] = largest_component((best == number) & inside)
        out.append(full)
    return out


def _build_regions(masks: list[Mask], words: list[str], box: Box, score: float) -> list[Region]:
    """Build regions: named limbs first, then the other parts by place."""
    named = [
        Region(word, word, score, mask, tools=tools_for(BOTH))
        for word, mask in zip(words, masks, strict=True)
        if word
    ]
    rest = [mask for word, mask in zip(words, masks, strict=True) if not word][: len(PLACES)]
    by_place = dict(zip(assign_places(rest, box), rest, strict=True)) if rest else {}
    placed = [Region(n, KIND, score, by_place[n], True) for n in PLACES if n in by_place]
    return named + placed if len(named) + len(placed) > 1 else []


def assign_places(pieces: list[Mask], box: Box) -> list[str]:
    """Assign each of at most nine pieces its own name, by the place of its centre in `box`."""
    x0, y0, x1, y1 = box
    middles = []
    for piece in pieces:
        ys, xs = np.nonzero(piece)
        middles.append(((xs.mean() - x0) / (x1 - x0) * 6, (ys.mean() - y0) / (y1 - y0) * 6))
    spots = np.array(list(PLACES.values()), np.float64)
    cost = ((np.array(middles)[:, None] - spots[None]) ** 2).sum(-1)
    _, columns = linear_sum_assignment(cost)
    return [list(PLACES)[int(c)] for c in columns]
