"""Read and decode untrusted pictures: kinds and sizes of files are checked before anything is
decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from stages.engine.stage import RejectPhoto
from stages.ingest.decode import Limits
from stages.ingest.decode import decode as decode_photo
from stages.ingest.files import FileProblem, read_capped
from stages.records.images import Image

MAX_FILE_BYTES = 256 * 2**20
"""Maximum size of a picture's file."""
LIMITS = Limits(max_pixels=50_000_000, min_side=1, max_side=100_000)
"""Limits on sides and pixels; nothing is scaled down."""


def read_file(path: Path, max_bytes: int) -> bytes:
    """Read a regular file of at most `max_bytes`.

    Raises:
        ValueError: it is missing, no regular file, unreadable or too large.
    """
    try:
        if not path.exists():  # the message of `read_capped` is about photos of a build
            raise ValueError("is missing")
        return read_capped(path, max_bytes)
    except FileProblem as error:
        raise ValueError(str(error)) from error
    except OSError as error:  # of `exists`: the name is too long, or a folder denies access
        raise ValueError(f"cannot be opened: {error.strerror}") from error


def decode(data: bytes) -> Image:
    """Decode a picture's file to (H, W, 3) uint8 sRGB, upright.

    Raises:
        ValueError: it is no picture, damaged or too large; the message says which.
    """
    if len(data) > MAX_FILE_BYTES:
        raise ValueError(f"has {len(data):,} bytes; at most {MAX_FILE_BYTES:,} are read")
    try:
        return np.asarray(decode_photo(data, LIMITS).image)
    except RejectPhoto as error:
        raise ValueError(error.message) from error
