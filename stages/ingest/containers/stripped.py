"""Define the result of separating a file's pixels from its metadata."""

from __future__ import annotations

from dataclasses import dataclass

END_MARKER_MISSING = "end_marker_missing"
"""Note: the file has no end marker; all rows are there."""
ICC_PROFILE_IGNORED = "icc_profile_ignored"
"""Note: the colour profile cannot be used; colours are assumed to be sRGB."""
MAX_PROFILE = 4 << 20
"""Maximum bytes of a colour profile; real ones have up to 3 million."""


@dataclass(frozen=True)
class Stripped:
    """A photo's file reduced to its pixels."""

    pixels: bytes
    """A file of the same format with only the parts that a decoder needs."""
    icc: bytes | None = None
    """Colour profile, unchecked."""
    exif: bytes | None = None
    """EXIF block, starting at its TIFF header, unchecked."""
    xmp: bytes | None = None
    """XMP packet, unchecked."""
    scans: int = 1
    """Number of times a decoder passes over the whole picture."""
    notes: frozenset[str] = frozenset()
