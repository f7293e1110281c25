"""The containers that photos come in: what of a file are its pixels, and what is said about them.

Metadata never decides whether a photo is taken: a decoder is given the parts with pixels alone.
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
    """The pixels of a file of this format; files of other formats go on as they are.

    Raises:
        RejectPhoto: ``corrupt``, ``truncated``, ``animated`` or ``too_many_scans``.
    """
    return _STRIP.get(kind or "", Stripped)(data)


__all__ = ["Stripped", "strip"]
