"""Group the variants of a photo into flawed pictures. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from stages.records.documents import Scene, Variant, Window

Tokens = tuple[Sequence[int], Window]
"""Token indices and their window."""
Boxes = NDArray[np.float64]
"""(n, 4): x0, y0, x1, y1 in photo pixels, half-open."""


def group_variants(
    variants: Sequence[Variant], scene: Scene, flaws_per_picture: int, min_gap: int
) -> list[Variant]:
    """Return the variants, in their order, with the pictures into which they go.

    A variant joins the first picture that has fewer than `flaws_per_picture` flaws, of which none
    excludes it (`_exclude_each_other`); otherwise it opens the next picture.

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
            if len(picture) < flaws_per_picture and not any(
                _exclude_each_other(variant, other, windows, min_gap) for other in picture
            ):
                picture.append(variant)
                break
        else:
            pictures.append([variant])
    names = {v.id: f"p{n}" for n, picture in enumerate(pictures) for v in picture}
    return [variant.model_copy(update={"picture": names[variant.id]}) for variant in variants]


def _exclude_each_other(
    a: Variant, b: Variant, windows: Mapping[str, Window], min_gap: int
) -> bool:
    """Return whether two variants may not be in one picture.

    They may not if they use a part in common, if there are fewer than `min_gap` tokens between
    their targets, or if one changes tokens from which the other takes its appearance: a part that
    is said to be there twice must not be removed.
    """
    if {a.part, a.other} & {b.part, b.other} - {None}:
        return True
    window_a, window_b = windows[a.window], windows[b.window]
    return (
        find_gap((a.targets, window_a), (b.targets, window_b)) < min_gap
        or find_gap((a.targets, window_a), (b.references, window_b)) < 0
        or find_gap((a.references, window_a), (b.targets, window_b)) < 0
    )


def find_gap(a: Tokens, b: Tokens) -> float:
    """Return the gap between tokens of two windows, which may be the same.

    The gap is the Chebyshev distance between the tokens' edges in the photo, in tokens of the
    window with the larger ones; 0 if they touch, negative if they overlap.
    """
    first, second = _token_boxes(*a), _token_boxes(*b)
    apart = np.maximum(first[:, None, :2] - second[:, 2:], second[:, :2] - first[:, None, 2:])
    side = max(_token_side(a[1]), _token_side(b[1]))
    # Rounded, since the sides of tokens in photo pixels need not be whole numbers.
    return round(float(apart.max(axis=2).min()) / side, 6)


def _token_side(window: Window) -> float:
    """Return the longer side of a token in photo pixels."""
    x0, y0, x1, y1 = window.box
    rows, columns = window.grid
    return max((x1 - x0) / columns, (y1 - y0) / rows)


def _token_boxes(tokens: Sequence[int], window: Window) -> Boxes:
    """Return the boxes of a window's tokens in the photo."""
    x0, y0, x1, y1 = window.box
    rows, columns = window.grid
    row, column = np.divmod(np.asarray(tokens), columns)
    corner = np.stack([column, row, column + 1, row + 1], axis=1)
    scale = np.array([(x1 - x0) / columns, (y1 - y0) / rows] * 2)
    return corner * scale + np.array([x0, y0, x0, y0])
