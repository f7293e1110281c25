"""Reduce a JPEG to the segments that a decoder needs, and count its scans before decoding."""

from __future__ import annotations

import re

from stages.engine.stage import RejectPhoto
from stages.ingest.codes import IngestCode
from stages.ingest.containers.stripped import (
    END_MARKER_MISSING,
    ICC_PROFILE_IGNORED,
    MAX_PROFILE,
    Stripped,
)

MAX_SCANS = 100
"""Maximum number of scans; encoders write up to 20."""
_MAX_SEGMENTS = 10_000
_START, _END = b"\xff\xd8", b"\xff\xd9"
_NEXT_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
"""A marker in entropy-coded data that is not a stuffed 0xff, a restart marker or a fill byte."""
_SOS, _EOI, _APP0, _APP1, _APP2, _APP14 = 0xDA, 0xD9, 0xE0, 0xE1, 0xE2, 0xEE
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD9)})
_TABLES_AND_FRAMES = frozenset({*range(0xC0, 0xD0), 0xDB, 0xDC, 0xDD}) - {0xC8}
"""Frames, Huffman, arithmetic and quantisation tables, number of lines, restart interval."""
_EXIF, _XMP, _ICC = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0", b"ICC_PROFILE\0"


def strip(data: bytes) -> Stripped:
    """Keep tables, frames and scans up to the end marker, which is added when it is missing.

    Raises:
        RejectPhoto: ``corrupt`` (the chain of segments is broken) or ``too_many_scans``.
    """
    view = memoryview(data)
    kept: list[bytes | memoryview] = [_START]
    exif = xmp = None
    profile: dict[int, bytes] = {}
    scans, offset, ended = 0, 2, False
    for _ in range(_MAX_SEGMENTS):
        found = _NEXT_MARKER.search(data, offset)
        if found is None:
            break
        marker, offset = data[found.end() - 1], found.end()
        if marker == _EOI:
            ended = True
            break
        if marker in _STANDALONE:
            continue
        length = int.from_bytes(data[offset : offset + 2])
        if length < 2:
            raise RejectPhoto(IngestCode.CORRUPT, "has a broken header: export it again")
        end = offset + length
        body = data[offset + 2 : end] if _APP0 <= marker <= _APP14 else b""
        if marker == _SOS:
            scans += 1
            if scans > MAX_SCANS:
                raise RejectPhoto(
                    IngestCode.TOO_MANY_SCANS,
                    f"is a progressive JPEG of more than {MAX_SCANS} scans, which takes too long "
                    "to decode: export it again",
                )
            after = _NEXT_MARKER.search(data, end)
            end = after.start() if after else len(data)
            kept.append(view[offset - 2 : end])
        elif (
            marker in _TABLES_AND_FRAMES
            or (marker == _APP0 and body.startswith(b"JFIF\0"))
            or (marker == _APP14 and body.startswith(b"Adobe"))
        ):
            kept.append(view[offset - 2 : end])
        elif marker == _APP1 and body.startswith(_EXIF):
            exif = exif or body[len(_EXIF) :]
        elif marker == _APP1 and body.startswith(_XMP):
            xmp = xmp or body[len(_XMP) :]
        elif marker == _APP2 and body.startswith(_ICC) and len(body) > len(_ICC) + 2:
            profile.setdefault(body[len(_ICC)], body[len(_ICC) + 2 :])
        offset = end
    else:
        raise RejectPhoto(
            IngestCode.CORRUPT, f"has more than {_MAX_SEGMENTS:,} segments: export it again"
        )
    notes = set() if ended else {END_MARKER_MISSING}
    icc = b"".join(part for _, part in sorted(profile.items())) or None
    if icc and len(icc) > MAX_PROFILE:
        icc = None
        notes.add(ICC_PROFILE_IGNORED)
    return Stripped(b"".join([*kept, _END]), icc, exif, xmp, scans, frozenset(notes))
