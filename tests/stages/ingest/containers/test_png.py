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
    """Behind IHDR."""
    return png[:33] + b"".join(chunks) + png[33:]


def test_metadata_large_or_wrong_leaves_the_pixels_as_they_are(make):
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


def test_profile_orientation_and_packet_are_kept_apart(make):
    exif = Image.Exif()
    exif[0x0112] = 3
    text = PngImagePlugin.PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "<x/>")
    stripped = strip(make(1, exif=exif, icc_profile=SRGB, pnginfo=text))
    assert (stripped.icc, stripped.xmp) == (SRGB, b"<x/>")
    assert stripped.exif and stripped.exif[:2] in (b"II", b"MM")
    assert stripped.pixels == strip(make(1)).pixels


def test_the_profiles_method_byte_means_nothing(make):
    profile = chunk(b"iCCP", b"name\0\1" + zlib.compress(SRGB))
    stripped = strip(with_chunk(make(1), profile))
    assert stripped.icc == SRGB and not stripped.notes


def test_a_profile_is_never_inflated_beyond_its_bound(make):
    profile = chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes((4 << 20) + 1)))
    stripped = strip(with_chunk(make(1), profile))
    assert stripped.icc is None and stripped.notes == {"icc_profile_ignored"}


def test_transparency_and_palette_stay():
    image = Image.new("P", (40, 40), 0)
    image.putpalette([1, 2, 3, 250, 0, 0])
    names = {b"PLTE", b"tRNS"}
    assert all(name in strip(saved(image, transparency=0)).pixels for name in names)


def saved(image, **options):
    import io

    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


@pytest.mark.parametrize("name", [b"IHDR", b"IDAT"])
def test_a_flipped_bit_in_pixels_is_found_by_the_checksum(make, name):
    png = bytearray(make(1))
    png[png.index(name) + 9] ^= 1
    with pytest.raises(RejectPhoto, match=f"{name.decode()} chunk fails its checksum") as out:
        strip(bytes(png))
    assert out.value.code == "corrupt"


def test_a_missing_end_chunk_is_put_there_and_noted(make):
    for missing in (12, 14):  # IEND; IEND and half of the last checksum
        stripped = strip(make(1)[:-missing])
        assert stripped.notes == {"end_marker_missing"}
        assert stripped.pixels.endswith(make(1)[-12:])


def test_an_animation_is_refused_by_its_own_words(make):
    with pytest.raises(RejectPhoto, match="animation of 7 frames") as out:
        strip(with_chunk(make(1), chunk(b"acTL", (7).to_bytes(4) + bytes(4))))
    assert out.value.code == "animated"
    assert strip(with_chunk(make(1), chunk(b"acTL", (1).to_bytes(4) + bytes(4))))
