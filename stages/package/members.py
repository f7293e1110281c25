"""Name the members of a published sample, which depend on the pictures' file format."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal

ImageFormat = Literal["png", "webp"]
PICTURES = ("artifact", "control", "real")
"""RGB pictures, in the file format `package.image_format`."""
MASKS = ("edit", "flaws", "mask")
"""8-bit grey pictures. Always PNG: WebP has no grey."""
RECORD = "json"


def member_name(picture: str, image_format: ImageFormat = "png") -> str:
    """Return the member that holds a picture or mask."""
    return f"{picture}.{'png' if picture in MASKS else image_format}"


def list_members(image_format: ImageFormat = "png") -> tuple[str, ...]:
    """Return the members of every sample, sorted."""
    pictures = (member_name(name, image_format) for name in (*PICTURES, *MASKS))
    return tuple(sorted((*pictures, RECORD)))


def find_member(picture: str, members: Container[str]) -> str:
    """Return which of a sample's members holds a picture, whatever its file format; the name of
    its PNG if none does."""
    webp = member_name(picture, "webp")
    return webp if webp in members else member_name(picture)


def get_picture(members: Mapping[str, bytes], picture: str) -> bytes:
    """Return the bytes of a picture or mask, whatever its file format.

    Raises:
        KeyError: the sample does not have it.
    """
    return members[find_member(picture, members)]
