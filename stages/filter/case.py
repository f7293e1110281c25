"""From stored members to what a judge sees: whole photos with control and artifact pasted in."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image as Pillow

from stages.engine.masks import Mask
from stages.engine.record import Box, Outcome, Variant, Window
from stages.invert.windows import cut
from stages.models.protocols import Case, Image


def decode(data: bytes, size: tuple[int, int]) -> Image:
    """A PNG of a known width and height, (H, W, 3) uint8.

    Raises:
        ValueError: not a PNG, or of another size (checked before decoding).
    """
    try:
        with Pillow.open(io.BytesIO(data), formats=["PNG"]) as picture:
            if picture.size != size:
                raise ValueError(f"a picture of {picture.size}, expected {size}")
            return np.asarray(picture.convert("RGB"))
    except OSError as error:
        raise ValueError(f"not a readable PNG: {error}") from error


def paste(photo: Image, crop: Image, box: Box) -> Image:
    """`photo` with `crop` at `box`."""
    x0, y0, x1, y1 = box
    out = photo.copy()
    out[y0:y1, x0:x1] = crop
    return out


def build(
    photo: Image, window: Window, variant: Variant, outcome: Outcome, members: Mapping[str, bytes]
) -> Case:
    """What a judge sees of one variant.

    Args:
        photo: (H, W, 3) uint8.
        window: the variant's window.
        variant: its mapping.
        outcome: where its members belong.
        members: ``inject/<variant>.<name>.png`` to bytes.

    Raises:
        KeyError: a member is missing.
        ValueError: a member does not fit its box, or the window leaves the photo.
    """
    x0, y0, x1, y1 = outcome.box

    def crop(name: str) -> Image:
        return decode(members[f"inject/{variant.id}.{name}.png"], (x1 - x0, y1 - y0))

    mask: Mask = np.zeros(photo.shape[:2], dtype=bool)
    mask[y0:y1, x0:x1] = crop("mask")[..., 0] > 127
    control = paste(photo, crop("control"), outcome.box)
    artifact = paste(photo, crop("artifact"), outcome.box)
    return Case(
        real=photo,
        control=control,
        artifact=artifact,
        mask=mask,
        window=window,
        window_control=cut(control, window),
        window_artifact=cut(artifact, window),
        variant=variant,
    )
