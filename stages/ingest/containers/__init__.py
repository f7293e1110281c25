"""Separate the pixels of a photo's file from its metadata.

Metadata never decides whether a photo is accepted: a decoder gets only the parts with pixels.
"""

from __future__ import annotations

from collections.abc import Callable

from stages.ingest.containers import jpeg, png, webp
from stages.ingest.containers.stripped import Stripped

_STRIP: dict[str, Callable[[bytes], Stripped]] = {
    "JPEG": jpeg.strip,
    "PNG": png.strip,
    "WEBP": webp.strip,
}


def strip(kind: str | None, data: bytes) -> Stripped:
    """Reduce a file of this format to its pixels; files of other formats are left unchanged.

    Raises:
        RejectPhoto: ``corrupt``, ``truncated``, ``animated`` or ``too_many_scans``.
    """
    return _STRIP.get(kind or "", Stripped)(data)


__all__ = ["Stripped", "strip"]
