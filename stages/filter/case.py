"""Build the input of a judge: photos with control and artifact pasted in."""

from __future__ import annotations

from collections.abc import Mapping

from stages.models.protocols import Case
from stages.records.crops import paste_mask, paste_picture
from stages.records.documents import Outcome, Variant, Window
from stages.records.images import Image
from stages.records.masks import Mask
from stages.records.windows import cut


def read_case(
    photo: Image, window: Window, variant: Variant, outcome: Outcome, members: Mapping[str, bytes]
) -> Case:
    """Build a case from a variant's stored members.

    Args:
        photo: (H, W, 3) uint8.
        window: the variant's window.
        variant: its mapping.
        outcome: the boxes of its members in the photo.
        members: ``inject/<variant>.<name>.png`` to bytes.

    Raises:
        KeyError: a member is missing.
        ValueError: a member does not fit its box, or the window reaches outside the photo.
    """
    return build_case(
        photo,
        window,
        variant,
        control=paste_picture(photo, outcome, members, "control"),
        artifact=paste_picture(photo, outcome, members, "artifact"),
        mask=paste_mask(photo.shape[:2], outcome, members, "mask"),
    )


def build_case(
    photo: Image, window: Window, variant: Variant, *, control: Image, artifact: Image, mask: Mask
) -> Case:
    """Build a case from pictures that all have the photo's size.

    Raises:
        ValueError: the window reaches outside the photo.
    """
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
