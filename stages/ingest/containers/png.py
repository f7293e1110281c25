"""Reduce a PNG to the critical chunks and transparency, and verify the checksum of each."""

from __future__ import annotations

import zlib

from stages.engine.stage import RejectPhoto
from stages.ingest.codes import IngestAside, IngestCode
from stages.ingest.containers.stripped import (
    END_MARKER_MISSING,
    ICC_PROFILE_IGNORED,
    MAX_PROFILE,
    Stripped,
)

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_MAX_CHUNKS = 1 << 20
_XMP = b"XML:com.adobe.xmp\0\0\0\0\0"
"""Key, no compression, no language, no translated key."""


def strip(data: bytes) -> Stripped:
    """Keep IHDR, PLTE, tRNS, IDAT and IEND, which is added when it is missing.

    Raises:
        RejectPhoto: ``corrupt`` (a chunk with pixels has a wrong checksum) or ``animated``.
    """
    view = memoryview(data)
    kept: list[bytes | memoryview] = [_SIGNATURE]
    icc = exif = xmp = None
    notes, offset, ended = set[str](), len(_SIGNATURE), False
    for _ in range(_MAX_CHUNKS):
        if offset + 8 > len(data) or ended:
            break
        length = int.from_bytes(data[offset : offset + 4])
        name, start, end = data[offset + 4 : offset + 8], offset + 8, offset + 8 + length
        offset = end + 4
        complete = offset <= len(data)
        valid = complete and zlib.crc32(view[start - 4 : end]) == int.from_bytes(data[end:offset])
        if name == b"IDAT" and not complete:
            # The file is truncated, but this chunk may still contain all rows.
            kept.append(_chunk(name, bytes(view[start:])))
        elif name in {b"IHDR", b"PLTE", b"IDAT", b"IEND"} and not valid:
            where = name.decode()
            raise RejectPhoto(
                IngestCode.CORRUPT,
                f"is damaged (its {where} chunk fails its checksum): copy it again",
            )
        elif not valid:
            continue
        elif name in {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"}:
            kept.append(view[start - 8 : offset])
            ended = name == b"IEND"
        elif name == b"acTL" and (frames := int.from_bytes(data[start : start + 4])) > 1:
            message = f"is an animation of {frames} frames: export the one you want"
            raise RejectPhoto(IngestAside.ANIMATED, message, frames=frames)
        elif name == b"iCCP":
            icc = _profile(view[start:end])
            notes |= set() if icc else {ICC_PROFILE_IGNORED}
        elif name == b"eXIf":
            exif = bytes(view[start:end])
        elif name == b"iTXt" and bytes(view[start : start + len(_XMP)]) == _XMP:
            xmp = bytes(view[start + len(_XMP) : end])
    else:
        raise RejectPhoto(
            IngestCode.CORRUPT, f"has more than {_MAX_CHUNKS:,} chunks: export it again"
        )
    if not ended:
        kept.append(_chunk(b"IEND", b""))
        notes.add(END_MARKER_MISSING)
    return Stripped(b"".join(kept), icc, exif, xmp, notes=frozenset(notes))


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(name + content)
    return len(content).to_bytes(4) + name + content + checksum.to_bytes(4)


def _profile(chunk: memoryview) -> bytes | None:
    """Return the colour profile of an iCCP chunk: name, 0, a byte for the method, zlib data."""
    _, separator, rest = bytes(chunk).partition(b"\0")
    if not separator:
        return None
    inflate = zlib.decompressobj()
    try:
        profile = inflate.decompress(rest[1:], MAX_PROFILE)
    except zlib.error:
        return None
    return profile if inflate.eof else None
