"""Share out the pixels of a picture with several flaws: each belongs to the nearest flaw."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.ndimage import distance_transform_edt

from stages.inject.composite import blend
from stages.inject.params import InjectParams
from stages.inject.tokens import grow
from stages.records.documents import Variant, Window
from stages.records.masks import Mask, from_grid
from stages.records.source_index import source_index


def share_pixels(
    variants: Sequence[Variant],
    windows: Mapping[str, Window],
    shape: tuple[int, int],
    params: InjectParams,
) -> dict[str, Mask]:
    """Return the pixels of the photo that each variant owns, (H, W) bool, by variant id.

    A pixel belongs to the variant whose targets are nearest, of those of its picture whose window's
    rendering covers it. In mode ``faithful`` a rendering covers the whole window; otherwise
    `map.min_gap` keeps the flaws apart. Variants of pictures with one flaw are left out: they own
    everything.

    Args:
        variants: all of a photo; those whose mapping does not fit are left out.
        windows: window id to the windows that were inverted.
        shape: height and width of the photo.
        params: section ``inject``.
    """
    pictures: dict[str, list[Variant]] = {}
    for variant in variants:
        if variant.window in windows and _fits(variant, windows[variant.window]):
            pictures.setdefault(variant.picture, []).append(variant)
    owned: dict[str, Mask] = {}
    for flaws in pictures.values():
        if len(flaws) > 1:
            owned |= _share_picture(flaws, windows, shape, params)
    return owned


def _fits(variant: Variant, window: Window) -> bool:
    try:
        source_index(variant, window.grid)
    except ValueError:
        return False
    return True


def _share_picture(
    flaws: Sequence[Variant],
    windows: Mapping[str, Window],
    shape: tuple[int, int],
    params: InjectParams,
) -> dict[str, Mask]:
    targets = {flaw.id: _target_tokens(flaw, windows[flaw.window]) for flaw in flaws}
    covered: dict[str, Mask] = {}
    for name in dict.fromkeys(flaw.window for flaw in flaws):
        inside = [targets[flaw.id] for flaw in flaws if flaw.window == name]
        covered[name] = _covered_pixels(inside, windows[name], shape, params)
    nearest = np.full(shape, np.inf)
    owner = np.full(shape, -1)
    for number, flaw in enumerate(flaws):
        pixels = from_grid(targets[flaw.id], windows[flaw.window].box, shape)
        distance = np.asarray(distance_transform_edt(~pixels))
        closer = covered[flaw.window] & (distance < nearest)
        nearest[closer], owner[closer] = distance[closer], number
    return {flaw.id: owner == number for number, flaw in enumerate(flaws)}


def _target_tokens(flaw: Variant, window: Window) -> Mask:
    tokens = np.zeros(window.grid, dtype=bool)
    tokens.ravel()[flaw.targets] = True
    return tokens


def _covered_pixels(
    targets: Sequence[Mask], window: Window, shape: tuple[int, int], params: InjectParams
) -> Mask:
    """Return the pixels that the joint rendering of these flaws changes."""
    if params.mode == "faithful":
        active = np.ones(window.grid, dtype=bool)
    else:
        active = grow(np.logical_or.reduce(targets), params.margin)
    return blend(active, window, shape, params.feather).edit
