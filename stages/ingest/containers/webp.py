"""Reduce a WebP to the chunks with pixels, and detect image data that ends early."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from PIL import Image

from stages.engine.stage import RejectPhoto
from stages.ingest.codes import IngestCode
from stages.ingest.containers.stripped import ICC_PROFILE_IGNORED, MAX_PROFILE, Stripped

_MAX_CHUNKS = 100_000
_FEATURES, _IMAGES = b"VP8X", frozenset({b"VP8 ", b"VP8L"})
_PIXELS = frozenset({b"ALPH", b"ANIM", b"ANMF", _FEATURES}) | _IMAGES
_ALPHA_AND_ANIMATION = 0x12
"""Flags of VP8X that describe the pixels; the others announce metadata."""
_TAIL = 8
"""Bytes removed from the end; an encoder writes up to 3 that a decoder does not need."""


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and content of each chunk.

    Raises:
        RejectPhoto: ``truncated`` or ``corrupt``.
    """
    offset = 12
    for _ in range(_MAX_CHUNKS):
        if offset + 8 > len(data):
            return
        name, length = (
            data[offset : offset + 4],
            int.from_bytes(data[offset + 4 : offset + 8], "little"),
        )
        end = offset + 8 + length
        if end > len(data) and name in _PIXELS:
            raise RejectPhoto(IngestCode.TRUNCATED, "ends too early: copy it again")
        yield name, data[offset + 8 : end]
        offset = end + length % 2
    raise RejectPhoto(IngestCode.CORRUPT, f"has more than {_MAX_CHUNKS:,} chunks: export it again")


def _file(chunks: list[tuple[bytes, bytes]]) -> bytes:
    parts = [b"WEBP"]
    for name, content in chunks:
        parts += [name, len(content).to_bytes(4, "little"), content, b"\0" * (len(content) % 2)]
    body = b"".join(parts)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def strip(data: bytes) -> Stripped:
    """Keep the chunks with pixels.

    Raises:
        RejectPhoto: ``truncated`` or ``corrupt``.
    """
    kept, metadata = [], dict[bytes, bytes]()
    for name, content in _chunks(data):
        if name == _FEATURES and content:
            kept.append((name, bytes([content[0] & _ALPHA_AND_ANIMATION]) + content[1:]))
        elif name in _PIXELS:
            kept.append((name, content))
        else:
            metadata.setdefault(name, content)
    icc = metadata.get(b"ICCP")
    exif = metadata.get(b"EXIF", b"").removeprefix(b"Exif\0\0") or None
    notes = frozenset({ICC_PROFILE_IGNORED} if icc and len(icc) > MAX_PROFILE else ())
    return Stripped(_file(kept), None if notes else icc, exif, metadata.get(b"XMP "), notes=notes)


def decode(pixels: bytes) -> Image.Image:
    """Decode a stripped still WebP as RGB or RGBA.

    Uses OpenCV, which calls the same library as Pillow: Pillow decodes every WebP as an animation,
    which takes more than twice the memory.

    Raises:
        RejectPhoto: ``corrupt``.
    """
    values = cv2.imdecode(np.frombuffer(pixels, np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None:
        raise RejectPhoto(IngestCode.CORRUPT, "cannot be decoded: copy it again from where it came")
    mode, raw = ("RGBA", "BGRA") if values.shape[2] == 4 else ("RGB", "BGR")
    return Image.frombuffer(mode, values.shape[1::-1], values, "raw", raw, 0, 1)


def ends_early(pixels: bytes) -> bool:
    """Return whether a stripped still WebP decodes without the last bytes of its image data.

    Neither VP8 nor VP8L has a checksum, and a decoder continues to the last row even after it has
    lost its place in damaged data. It then needs too many bits, which it reports, or too few, which
    it does not: if the picture can be decoded from less data, its bits ended too early.
    """
    chunks = list(_chunks(pixels))
    if sum(name in _IMAGES for name, _ in chunks) != 1:
        return False
    shorter = _file([(n, c[:-_TAIL]) if n in _IMAGES else (n, c) for n, c in chunks])
    return cv2.imdecode(np.frombuffer(shorter, np.uint8), cv2.IMREAD_UNCHANGED) is not None
