from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from stages.engine.images import write_png
from stages.engine.stage import RejectPhoto
from stages.ingest.decode import Limits, decode, perceptual_hash, signature

LIMITS = Limits(max_pixels=100_000_000, min_side=128, max_side=1536)


def test_every_bad_file_is_rejected_for_its_own_reason(bad_files):
    found = {}
    for name, (data, _) in bad_files.items():
        with pytest.raises(RejectPhoto) as out:
            decode(data, LIMITS)
        found[name] = out.value.code
    assert found == {name: code for name, (_, code) in bad_files.items()}


def test_messages_name_the_format_and_the_remedy(bad_files):
    with pytest.raises(RejectPhoto, match=r"is a GIF; .* convert it"):
        decode(bad_files["animated.gif"][0], LIMITS)
    with pytest.raises(RejectPhoto, match="12000 x 12000; at most 100,000,000 pixels"):
        decode(bad_files["large.png"][0], LIMITS)
    with pytest.raises(RejectPhoto, match="animation of 2 frames") as out:
        decode(bad_files["animated.webp"][0], LIMITS)
    assert out.value.evidence == {"frames": 2}


def test_no_pixel_is_decoded_before_the_caps(monkeypatch, make):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(RejectPhoto) as out:
        decode(make(1), Limits(max_pixels=100, min_side=1, max_side=1536))
    assert out.value.code == "too_many_pixels"
    with pytest.raises(RejectPhoto) as out:
        decode(make(1), Limits(max_pixels=10**6, min_side=151, max_side=1536))
    assert out.value.code == "too_small"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_good_photo_keeps_its_size_and_pixels(make, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = make(3, kind, **options)
    decoded = decode(data, LIMITS)
    assert (decoded.format, decoded.scaled_from, decoded.notes) == (kind, None, ())
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(np.asarray(decoded.image), expected)


def test_long_photo_is_scaled_to_the_longest_side(make):
    decoded = decode(make(4, size=(900, 600)), Limits(10**6, 64, 300))
    assert decoded.image.size == (300, 200)
    assert decoded.scaled_from == (900, 600)


def test_multi_picture_jpeg_gives_its_first_picture(make):
    extra = Image.open(io.BytesIO(make(6)))
    buffer = io.BytesIO()
    Image.open(io.BytesIO(make(5))).save(buffer, "MPO", save_all=True, append_images=[extra])
    decoded = decode(buffer.getvalue(), LIMITS)
    first = np.asarray(Image.open(io.BytesIO(make(5))), dtype=int)
    assert decoded.format == "JPEG"
    assert np.abs(np.asarray(decoded.image) - first).mean() < 4


def test_png_holds_pixels_only_and_is_deterministic(make):
    exif = Image.Exif()
    exif[0x010E] = "who was there"
    photo = make(7, "JPEG", exif=exif, comment=b"secret")
    png, again = (write_png(np.asarray(decode(photo, LIMITS).image)) for _ in range(2))
    assert png == again
    chunks, offset = [], 8
    while offset < len(png):
        chunks.append(png[offset + 4 : offset + 8])
        offset += 12 + int.from_bytes(png[offset : offset + 4], "big")
    assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}


def test_perceptual_hash_survives_compression_and_tells_pictures_apart(make):
    def bits(data):
        return int(perceptual_hash(decode(data, LIMITS).image), 16)

    original = bits(make(8))
    assert (original ^ bits(make(8, "JPEG", quality=60))).bit_count() <= 4
    assert (original ^ bits(make(9))).bit_count() > 12
    assert len(perceptual_hash(Image.new("RGB", (64, 64)))) == 16


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_end_as_a_photo_or_a_reject(make, data):
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP"]))
    content = bytearray(make(1, kind, icc_profile=b"x" * 200))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(content[: data.draw(st.integers(0, len(content)))]), LIMITS)
    except RejectPhoto as out:
        assert out.code.isidentifier() and out.message
    else:
        assert decoded.image.mode == "RGB" and min(decoded.image.size) >= LIMITS.min_side


def test_signature_of_unknown_bytes_is_none():
    assert signature(b"hello") is None
    assert signature(b"MM\0*....") == "TIFF"
