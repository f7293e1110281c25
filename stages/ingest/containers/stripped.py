"""What is left of a file when all but its pixels is taken out."""

from __future__ import annotations

from dataclasses import dataclass

END_MARKER_MISSING = "end_marker_missing"
"""Note: the file stops short of its end marker; all rows are there."""
ICC_PROFILE_IGNORED = "icc_profile_ignored"
"""Note: there is a colour profile and it cannot be used; colours are taken as sRGB."""
MAX_PROFILE = 4 << 20
"""Bytes of a colour profile; real ones have up to 3 million."""


@dataclass(frozen=True)
class Stripped:
    """A photo's file reduced to its pixels."""

    pixels: bytes
    """The same format; nothing in it but what a decoder needs."""
    icc: bytes | None = None
    """Colour profile, unchecked."""
    exif: bytes | None = None
    """EXIF block from its TIFF header on, unchecked."""
    xmp: bytes | None = None
    """XMP packet, unchecked."""
    scans: int = 1
    """How often a decoder goes over the whole picture."""
    notes: frozenset[str] = frozenset()
