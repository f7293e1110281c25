"""Make the bytes of valid and invalid photo files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int = 0, size: tuple[int, int] = (200, 150)) -> Image.Image:
    """Make a smooth RGB picture that differs clearly from seed to seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    """Encode the picture as a file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """Make a PNG that declares a size and contains hardly any data."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        chunk(b"IDAT", zlib.compress(b"\0" * 100)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.fixture
def make() -> Callable[..., bytes]:
    """Return ``make(seed, kind, **options)``, which makes the bytes of a photo."""

    def build(
        seed: int = 0, kind: str = "PNG", size: tuple[int, int] = (200, 150), **options: object
    ) -> bytes:
        return encode(picture(seed, size), kind, **options)

    return build


@pytest.fixture(scope="session")
def bad_files() -> dict[str, tuple[bytes, str]]:
    """Return file names with bytes and the expected reject code."""
    jpeg = encode(picture(20, (640, 480)), "JPEG", quality=95)
    png = encode(picture(21))
    damaged = bytearray(png)
    damaged[60:90] = bytes(30)
    frames = [picture(seed) for seed in (22, 23)]
    animation = {"save_all": True, "append_images": frames[1:], "duration": 100}
    return {
        "corrupt.png": (bytes(damaged), "corrupt"),
        "noise.jpg": (bytes(range(256)) * 40, "unsupported_format"),
        "header only.jpg": (b"\xff\xd8\xff\xe0" + bytes(50), "corrupt"),
        "truncated.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "truncated.png": (png[: len(png) // 2], "truncated"),
        "huge.png": (png_header(60_000, 60_000), "too_many_pixels"),
        "large.png": (png_header(12_000, 12_000), "too_many_pixels"),
        "animated.gif": (encode(frames[0], "GIF", **animation), "unsupported_format"),
        "gif named.jpg": (encode(frames[1], "GIF", **animation), "unsupported_format"),
        "animated.webp": (encode(frames[0], "WEBP", **animation), "animated"),
        "animated.png": (encode(frames[0], "PNG", **animation), "animated"),
        "one pixel.png": (encode(picture(24, (1, 1))), "too_small"),
        "ribbon.png": (encode(picture(25, (4000, 130))), "too_narrow"),
        "scan.tiff": (encode(picture(26), "TIFF"), "unsupported_format"),
        "old.bmp": (encode(picture(27), "BMP"), "unsupported_format"),
        "phone.heic": (b"\0\0\0\x18ftypheic" + bytes(100), "corrupt"),
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Create an empty folder for photos."""
    path = tmp_path / "photos"
    path.mkdir()
    return path
