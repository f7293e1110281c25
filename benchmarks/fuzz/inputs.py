"""Make hostile input: sound files with damage, and files made up of sound pieces."""

from __future__ import annotations

import io
import struct
import tarfile
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from PIL import Image

ROOT = Path(__file__).parents[2]
Bytes = st.SearchStrategy[bytes]


def _picture(mode: str = "RGB") -> Image.Image:
    coarse = np.random.default_rng(1).integers(0, 256, (5, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((48, 40), Image.Resampling.BICUBIC).convert(mode)


def _encode(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@cache
def photos() -> tuple[bytes, ...]:
    """Return small photos of every format that ingest reads or refuses."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "who was there"
    told = {"exif": exif, "icc_profile": b"x" * 150, "xmp": b'<x tiff:Orientation="6"/>'}
    image, rgba = _picture(), _picture("RGBA")
    return (
        _encode(image, "JPEG", **told),
        _encode(image, "JPEG", progressive=True),
        _encode(_picture("CMYK"), "JPEG"),
        _encode(image, "PNG", exif=exif, icc_profile=b"x" * 150),
        _encode(_picture("P"), "PNG", transparency=3),
        _encode(_picture("I;16"), "PNG"),
        _encode(image, "PNG", save_all=True, append_images=[rgba]),
        _encode(rgba, "WEBP", **told),
        _encode(image, "WEBP", lossless=True),
        _encode(image, "WEBP", save_all=True, append_images=[_picture("L")]),
        _encode(image, "AVIF", speed=10, exif=exif),
        (ROOT / "tests/stages/ingest/files/photo.heic").read_bytes(),
        *(_encode(image, kind) for kind in ("GIF", "BMP", "TIFF")),
    )


_KINDS = ("set", "bits", "number", "remove", "repeat", "insert", "join")


@st.composite
def damaged(draw: st.DrawFn, seeds: tuple[bytes, ...]) -> bytes:
    """Damage a sound file: change, remove, repeat and insert bytes, join two files, cut it off."""
    data = bytearray(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        kind = draw(st.sampled_from(_KINDS))
        if kind == "set":
            data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
        elif kind == "bits" and at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "number":
            number = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF,
                                           0xFFFFFFFF]))  # fmt: skip
            order = draw(st.sampled_from("<>"))
            data[at : at + 4] = struct.pack(f"{order}I", number)
        elif kind == "remove":
            del data[at : at + draw(st.integers(1, 64))]
        elif kind == "repeat":
            piece = data[at : at + draw(st.integers(1, 64))]
            data[at:at] = piece * draw(st.integers(1, 20))
        elif kind == "insert":
            data[at:at] = draw(st.binary(max_size=32))
        else:
            data[at:] = draw(st.sampled_from(seeds))[draw(st.integers(0, 200)) :]
    return bytes(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)


_LENGTH = st.one_of(st.none(), st.integers(0, 2**32 - 1))


@st.composite
def pngs(draw: st.DrawFn) -> bytes:
    """Make a PNG of chunks with right checksums and any content."""
    small = st.integers(0, 70)
    header = struct.pack(
        ">IIBBBBB", draw(small | st.integers(0, 2**31)), draw(small),
        draw(st.sampled_from([1, 2, 4, 8, 16, 3])), draw(st.integers(0, 7)),
        draw(st.integers(0, 1)), draw(st.integers(0, 1)), draw(st.integers(0, 2)),
    )  # fmt: skip
    names = st.sampled_from([b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"eXIf", b"iTXt", b"acTL",
                             b"fcTL", b"fdAT", b"gAMA", b"IHDR", b"zTXt"])  # fmt: skip
    content = st.binary(max_size=60) | st.builds(
        lambda n, size: zlib.compress(bytes([n]) * size),
        st.integers(0, 255),
        st.integers(0, 20_000),
    )
    out = [b"\x89PNG\r\n\x1a\n"]
    for name, data in [(b"IHDR", header), *draw(st.lists(st.tuples(names, content), max_size=8))]:
        length = draw(_LENGTH) if draw(st.integers(0, 9)) == 0 else None
        size = struct.pack(">I", len(data) if length is None else length)
        out.append(size + name + data + struct.pack(">I", zlib.crc32(name + data)))
    return b"".join(out)


@st.composite
def riffs(draw: st.DrawFn) -> bytes:
    """Make a WebP of chunks with any content."""
    names = st.sampled_from([b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ANIM", b"ANMF", b"ICCP", b"EXIF",
                             b"XMP ", b"junk"])  # fmt: skip
    body = [b"WEBP"]
    for name, data in draw(st.lists(st.tuples(names, st.binary(max_size=50)), max_size=8)):
        length = draw(_LENGTH) if draw(st.integers(0, 9)) == 0 else None
        size = struct.pack("<I", len(data) if length is None else length)
        body.append(name + size + data + b"\0" * (len(data) % 2))
    whole = b"".join(body)
    return b"RIFF" + struct.pack("<I", len(whole)) + whole


@st.composite
def jpegs(draw: st.DrawFn) -> bytes:
    """Make a JPEG of segments with any content."""
    out = [b"\xff\xd8"]
    segments = st.lists(st.tuples(st.integers(0xC0, 0xFE), st.binary(max_size=60)), max_size=10)
    for marker, data in draw(segments):
        out.append(bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data)
    return b"".join([*out, b"\xff\xd9"])


@st.composite
def tars(draw: st.DrawFn) -> bytes:
    """Make a tar file of headers with any fields and right or wrong checksums."""
    out = b""
    for _ in range(draw(st.integers(0, 5))):
        info = tarfile.TarInfo(draw(st.text(max_size=30)))
        info.size = draw(st.integers(0, 2000) | st.integers(0, 8**11 - 1))
        info.type = bytes([draw(st.integers(0, 255))])
        info.linkname = draw(st.text(max_size=20))
        style = draw(
            st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
        )
        block = info.tobuf(style, "utf-8", "surrogateescape")  # pyright: ignore[reportArgumentType]
        if draw(st.integers(0, 3)) == 0:
            field = draw(st.binary(min_size=12, max_size=12))
            block = block[:124] + field + block[136:]
            plain = block[:148] + b" " * 8 + block[156:]
            block = block[:148] + f"{sum(plain[:512]):06o}\0 ".encode() + block[156:]
        data = draw(st.binary(max_size=700))
        out += block + data + (bytes(-len(data) % 512) if draw(st.booleans()) else b"")
    return out + bytes(draw(st.sampled_from([0, 512, 1024])))


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["9" * 5000, "../../etc/passwd", "\0", "<script>", "${slot}", "\u2028"]),
)  # fmt: skip
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
"""Any JSON value."""


@st.composite
def texts(draw: st.DrawFn, seeds: tuple[str, ...], pieces: tuple[str, ...]) -> str:
    """Damage a sound text: replace and insert pieces, remove and repeat lines."""
    text = draw(st.sampled_from(seeds))
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, len(text)))
        stop = at + draw(st.integers(0, 30))
        piece = draw(st.sampled_from(pieces) | st.text(max_size=20))
        text = text[:at] + piece * draw(st.sampled_from([1, 1, 1, 2, 50])) + text[stop:]
    return text


TOML = (
    "[", "]", "[[", '"', "'", "=", "{", "}", ".", "\n", "[files]\n", '"""', "9" * 5000, "1e999",
    "2020-13-45", "a.b.c = 1\n", "[" * 300, "{a=" * 200, "\\u0000", "\ufeff", "0x",
)  # fmt: skip
YAML = (
    "&a ", "*a", "<<: *a\n", "!!python/object/apply:os.system [ls]", "!!timestamp x", "!!int ''",
    "!!bool x", "!!binary x", "!!float x", "!!set {a}", "!!omap [a]", "!!str", "2020-13-45", "- ",
    ": ", "{", "[", "? ", "|\n", "%YAML 9.9\n", "---\n", "=", "9" * 5000, "1:99:99", "0b2",
    "[" * 300, "\t", "\ufeff", "'", '"', "~", "{? [a] : b}", "base:\n", "null", ".inf",
)  # fmt: skip
JSON = (
    "{", "}", "[", "]", '"', ":", ",", "null", "1e999", "NaN", "9" * 5000, "[" * 3000, "\\ud800",
    '{"licence": ', '"origin": 1', "\ufeff", "\0",
)  # fmt: skip
