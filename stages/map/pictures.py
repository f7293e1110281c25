"""Group the variants of a photo into flawed pictures. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import Scene, Variant, Window

Boxes = NDArray[np.float64]
"""(n, 4): x0, y0, x1, y1 in photo pixels, half-open."""


def group_variants(
    variants: Sequence[Variant], scene: Scene, flaws_per_picture: int, min_gap: int
) -> list[Variant]:
    """Return the variants, in their order, with the pictures into which they go.

    A variant joins the first picture that has fewer than `flaws_per_picture` flaws, none of which
    uses one of its parts or is nearer than `min_gap` tokens; otherwise it opens the next picture.

    Args:
        variants: all of one photo.
        scene: the photo's scene, with the variants' windows.
        flaws_per_picture: maximum number of flaws in a picture.
        min_gap: minimum number of free tokens between the targets of two flaws of a picture, of the
            larger of their tokens (see `find_gap`).
    """
    windows = {window.id: window for window in scene.windows}
    pictures: list[list[Variant]] = []
    for variant in variants:
        for picture in pictures:
            if len(picture) < flaws_per_picture and all(
                not _share_part(variant, other)
                and find_gap(variant, windows[variant.window], other, windows[other.window])
                >= min_gap
                for other in picture
            ):
                picture.append(variant)
                break
        else:
            pictures.append([variant])
    names = {v.id: f"p{n}" for n, picture in enumerate(pictures) for v in picture}
    return [variant.model_copy(update={"picture": names[variant.id]}) for variant in variants]


def _share_part(a: Variant, b: Variant) -> bool:
    return bool({a.part, a.other} & {b.part, b.other} - {None})


def find_gap(a: Variant, window_a: Window, b: Variant, window_b: Window) -> float:
    """Return the gap between the targets of two variants, which may lie in different windows.

    The gap is the Chebyshev distance between the targets' edges in the photo, in tokens of the
    window with the larger ones; 0 or less if the targets touch or overlap.
    """
    first, second = _token_boxes(a, window_a), _token_boxes(b, window_b)
    apart = np.maximum(first[:, None, :2] - second[:, 2:], second[:, :2] - first[:, None, 2:])
    side = max(_token_side(window_a), _token_side(window_b))
    # Rounded, since the sides of tokens in photo pixels need not be whole numbers.
    return round(float(apart.max(axis=2).min()) / side, 6)


def _token_side(window: Window) -> float:
    """Return the longer side of a token in photo pixels."""
    x0, y0, x1, y1 = window.box
    rows, columns = window.grid
    return max((x1 - x0) / columns, (y1 - y0) / rows)


def _token_boxes(variant: Variant, window: Window) -> Boxes:
    """Return the boxes of the target tokens in the photo."""
    x0, y0, x1, y1 = window.box
    rows, columns = window.grid
    row, column = np.divmod(np.asarray(variant.targets), columns)
    corner = np.stack([column, row, column + 1, row + 1], axis=1)
    scale = np.array([(x1 - x0) / columns, (y1 - y0) / rows] * 2)
    return corner * scale + np.array([x0, y0, x0, y0])
