from __future__ import annotations

import zlib

import pytest
from PIL import Image, ImageCms, PngImagePlugin

from stages.engine.stage import RejectPhoto
from stages.ingest.containers.png import strip

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def chunk(name: bytes, content: bytes, wrong: int = 0) -> bytes:
    checksum = zlib.crc32(name + content) ^ wrong
    return len(content).to_bytes(4) + name + content + checksum.to_bytes(4)


def with_chunk(png: bytes, *chunks: bytes) -> bytes:
    """Insert chunks after IHDR."""
    return png[:33] + b"".join(chunks) + png[33:]


def test_large_or_damaged_metadata_does_not_change_the_pixels(make):
    bomb = zlib.compress(bytes(50_000_000))
    odd = (
        chunk(b"zTXt", b"history\0\0" + bomb),
        chunk(b"iTXt", b"workflow\0\1\0\0\0" + bomb),
        chunk(b"tEXt", b"note\0text", wrong=1),
        chunk(b"iCCP", b"name\0\0not zlib at all"),
    )
    stripped = strip(with_chunk(make(1), *odd))
    assert stripped.pixels == strip(make(1)).pixels
    assert stripped.notes == {"icc_profile_ignored"}


def test_profile_exif_and_xmp_are_separated(make):
    exif = Image.Exif()
    exif[0x0112] = 3
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>")
    stripped = strip(make(1, exif=exif, icc_profile=SRGB, pnginfo=text))
    assert (stripped.icc, stripped.xmp) == (SRGB, b"<x/>")
    assert stripped.exif and stripped.exif[:2] in (b"II", b"MM")
    assert stripped.pixels == strip(make(1)).pixels


def test_method_byte_of_the_profile_is_ignored(make):
    profile = chunk(b"iCCP", b"name\0\1" + zlib.compress(SRGB))
    stripped = strip(with_chunk(make(1), profile))
    assert stripped.icc == SRGB and not stripped.notes


def test_profile_is_not_inflated_beyond_its_limit(make):
    profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes((4 << 20) + 1)))
    stripped = strip(with_chunk(make(1), profile))
    assert stripped.icc is None and stripped.notes == {"icc_profile_ignored"}


def test_transparency_and_palette_are_kept():
    image = Image.new("P", (40, 40), 0)
    image.putpalette([1, 2, 3, 250, 0, 0])
    names = {b"PLTE", b"tRNS"}
    assert all(name in strip(encode(image, transparency=0)).pixels for name in names)


def encode(image, **options):
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT"])
def test_flipped_bit_is_detected_by_the_checksum(make, name):
    png = bytearray(make(1))
    png[png.index(name) + 9] ^= 1
    with pytest.raises(RejectPhoto, match=f"{name.decode()} chunk fails its checksum") as out:
        strip(bytes(png))
    assert out.value.code == "corrupt"


def test_missing_end_chunk_is_added_and_noted(make):
    for missing in (12, 14):  # IEND; IEND and half of the last checksum
        stripped = strip(make(1)[:-missing])
        assert stripped.notes == {"end_marker_missing"}
        assert stripped.pixels.endswith(make(1)[-12:])


def test_animation_is_refused(make):
    with pytest.raises(RejectPhoto, match="animation of 7 frames") as out:
        strip(with_chunk(make(1), chunk(b"acTL", (7).to_bytes(4) + bytes(4))))
    assert out.value.code == "animated"
    assert strip(with_chunk(make(1), chunk(b"acTL", (1).to_bytes(4) + bytes(4))))
