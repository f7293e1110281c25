"""Pastes the crops that inject stores for a variant back into the photo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from stages.records.documents import Outcome
from stages.records.images import Image, paste, read_mask, read_png
from stages.records.masks import Mask


def paste_picture(photo: Image, outcome: Outcome, members: Mapping[str, bytes], name: str) -> Image:
    """Return the whole photo with one of the variant's pictures in its place, (H, W, 3) uint8.

    Args:
        photo: (H, W, 3) uint8.
        outcome: the variant, with the box of its crops.
        members: ``inject/<variant>.<name>.png`` to bytes.
        name: ``artifact`` or ``control``.

    Raises:
        KeyError: the member is missing.
        ValueError: the member is not an RGB PNG of the box's size, or the box leaves the photo.
    """
    crop = read_png(members[_member(outcome, name)], _size(outcome))
    return paste(photo, crop, outcome.box)


def paste_mask(
    shape: tuple[int, int], outcome: Outcome, members: Mapping[str, bytes], name: str
) -> Mask:
    """Return one of the variant's masks at the photo's size, (H, W) bool.

    Args:
        shape: the photo's height and width.
        outcome: the variant, with the box of its crops.
        members: ``inject/<variant>.<name>.png`` to bytes.
        name: ``mask`` or ``edit``.

    Raises:
        KeyError: the member is missing.
        ValueError: the member is not a grey PNG of the box's size, or the box leaves the photo.
    """
    crop = read_mask(members[_member(outcome, name)], _size(outcome))
    return paste(np.zeros(shape, dtype=bool), crop, outcome.box)


def compose_picture(
    photo: Image, parts: Iterable[tuple[Outcome, str]], members: Mapping[str, bytes]
) -> Image:
    """Return the whole photo with several variants' pictures in their ``edit`` masks.

    Args:
        photo: (H, W, 3) uint8.
        parts: each variant with the name of its picture, ``artifact`` or ``control``. Their
            ``edit`` masks are disjoint; their boxes may overlap.
        members: ``inject/<variant>.<name>.png`` to bytes.

    Raises:
        KeyError: a member is missing.
        ValueError: a member is not a PNG of its mode and its box's size, or a box leaves the photo.
    """
    out = photo
    for outcome, name in parts:
        edit = paste_mask((photo.shape[0], photo.shape[1]), outcome, members, "edit")
        out = np.where(edit[..., None], paste_picture(out, outcome, members, name), out)
    return out


def _member(outcome: Outcome, name: str) -> str:
    return f"inject/{outcome.variant}.{name}.png"


def _size(outcome: Outcome) -> tuple[int, int]:
    x0, y0, x1, y1 = outcome.box
    return x1 - x0, y1 - y0
