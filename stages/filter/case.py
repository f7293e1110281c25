"""From stored members to what a judge sees: whole photos with control and artifact pasted in."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from stages.models.protocols import Case
from stages.records.documents import Box, Outcome, Variant, Window
from stages.records.images import Image, paste, read_mask, read_png
from stages.records.masks import Mask
from stages.records.windows import cut


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
    size = (x1 - x0, y1 - y0)

    def crop(name: str) -> bytes:
        return members[f"inject/{variant.id}.{name}.png"]

    return whole(
        photo,
        window,
        variant,
        outcome.box,
        control=read_png(crop("control"), size),
        artifact=read_png(crop("artifact"), size),
        mask=read_mask(crop("mask"), size),
    )


def whole(
    photo: Image,
    window: Window,
    variant: Variant,
    box: Box,
    *,
    control: Image,
    artifact: Image,
    mask: Mask,
) -> Case:
    """The same from crops of the photo at `box` that are already decoded.

    Raises:
        ValueError: a crop does not fit the box, or box or window leave the photo.
    """
    nothing: Mask = np.zeros(photo.shape[:2], dtype=bool)
    control, artifact = paste(photo, control, box), paste(photo, artifact, box)
    return Case(
        real=photo,
        control=control,
        artifact=artifact,
        mask=paste(nothing, mask, box),
        window=window,
        window_control=cut(control, window),
        window_artifact=cut(artifact, window),
        variant=variant,
    )
