from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from stages.engine.stage import RejectPhoto
from stages.ingest.decode import Limits, decode, detect_format, perceptual_hash
from stages.records.images import write_png

LIMITS = Limits(max_pixels=100_000_000, min_side=128, max_side=1536)
LARGER = Limits(max_pixels=100_000_000, min_side=151, max_side=1536)


def test_bad_files_are_rejected_with_their_codes(bad_files):
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


def test_limits_are_checked_before_decoding(monkeypatch, make):
    def load(self):
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    with pytest.raises(RejectPhoto) as out:
        decode(make(1), Limits(max_pixels=100, min_side=1, max_side=1536))
    assert out.value.code == "too_many_pixels"
    with pytest.raises(RejectPhoto) as out:
        decode(make(1), Limits(max_pixels=10**6, min_side=151, max_side=1536))
    assert out.value.code == "too_small"


@pytest.mark.parametrize("place", ["PIL.Image.open", "PIL.ImageFile.ImageFile.load"])
def test_a_machine_without_memory_is_not_the_files_fault(monkeypatch, make, place):
    def fail(*_, **__):
        raise MemoryError

    data = make(1)
    monkeypatch.setattr(place, fail)
    with pytest.raises(MemoryError):
        decode(data, LIMITS)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_good_photo_keeps_its_size_and_pixels(make, kind):
    options = {"lossless": True} if kind == "WEBP" else {}
    data = make(3, kind, **options)
    decoded = decode(data, LIMITS)
    assert (decoded.format, decoded.scaled_from, decoded.notes) == (kind, None, ())
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(np.asarray(decoded.image), expected)


def test_long_photo_is_scaled_to_the_maximum_side(make):
    decoded = decode(make(4, size=(900, 600)), Limits(10**6, 64, 300))
    assert decoded.image.size == (300, 200)
    assert decoded.scaled_from == (900, 600)


def test_multi_picture_jpeg_is_decoded_to_its_first_picture(make):
    extra = Image.open(io.BytesIO(make(6)))
    buffer = io.BytesIO()
    Image.open(io.BytesIO(make(5))).save(buffer, "MPO", save_all=True, append_images=[extra])
    decoded = decode(buffer.getvalue(), LIMITS)
    first = np.asarray(Image.open(io.BytesIO(make(5))), dtype=int)
    assert decoded.format == "JPEG"
    assert np.abs(np.asarray(decoded.image) - first).mean() < 4


def test_png_has_only_pixels_and_is_deterministic(make):
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


def test_perceptual_hash_is_stable_under_compression_and_differs_between_pictures(make):
    def bits(data):
        return int(perceptual_hash(decode(data, LIMITS).image), 16)

    original = bits(make(8))
    assert (original ^ bits(make(8, "JPEG", quality=60))).bit_count() <= 4
    assert (original ^ bits(make(9))).bit_count() > 12
    assert len(perceptual_hash(Image.new("RGB", (64, 64)))) == 16


@given(st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_give_a_photo_or_a_reject(make, data):
    kind = data.draw(st.sampled_from(["JPEG", "PNG", "WEBP", "AVIF", "HEIF"]))
    options = {"icc_profile": b"x" * 200, **({"speed": 10} if kind == "AVIF" else {})}
    content = bytearray(read_heic("photo.heic") if kind == "HEIF" else make(1, kind, **options))
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=8)):
        content[position] = data.draw(st.integers(0, 255))
    try:
        decoded = decode(bytes(content[: data.draw(st.integers(0, len(content)))]), LIMITS)
    except RejectPhoto as out:
        assert out.code.isidentifier() and out.message
    else:
        assert decoded.image.mode == "RGB" and min(decoded.image.size) >= LIMITS.min_side


def read_heic(name: str) -> bytes:
    return (Path(__file__).parent / "files" / name).read_bytes()


@pytest.mark.parametrize("name", ["photo.heic", "turned.heic", "two pictures.heic"])
def test_heic_is_decoded_upright_to_its_first_picture(make, name):
    decoded = decode(read_heic(name), LIMITS)
    assert (decoded.format, decoded.scaled_from) == ("HEIF", None)
    expected = np.asarray(decode(make(50), LIMITS).image, dtype=int)
    assert np.abs(np.asarray(decoded.image) - expected).mean() < 4
    assert decoded.notes == ("damage_unchecked",)


def test_avif_is_decoded_upright(make):
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.open(io.BytesIO(make(50))).transpose(Image.Transpose.ROTATE_90)
    buffer = io.BytesIO()
    stored.save(buffer, "AVIF", quality=90, speed=10, exif=exif)
    decoded = decode(buffer.getvalue(), LIMITS)
    expected = np.asarray(decode(make(50), LIMITS).image, dtype=int)
    assert decoded.format == "AVIF" and decoded.image.size == (200, 150)
    assert np.abs(np.asarray(decoded.image) - expected).mean() < 4


@pytest.mark.parametrize("kind", ["HEIF", "AVIF"])
def test_limits_are_checked_before_decoding_in_every_format(monkeypatch, make, kind):
    def load(self):
        raise AssertionError("decoded")

    data = read_heic("photo.heic") if kind == "HEIF" else make(1, "AVIF", speed=10)
    for plugin in ("pi_heif.HeifImageFile.load", "PIL.AvifImagePlugin.AvifImageFile.load"):
        monkeypatch.setattr(plugin, load)
    for limits, code in [(Limits(100, 1, 1536), "too_many_pixels"), (LARGER, "too_small")]:
        with pytest.raises(RejectPhoto) as out:
            decode(data, limits)
        assert out.value.code == code


def test_pixels_times_scans_are_limited_before_decoding(monkeypatch, make):
    data = make(1, "JPEG", progressive=True)
    assert decode(data, LIMITS)
    monkeypatch.setattr("stages.ingest.decode.MAX_SCANNED", 200 * 150 * 9)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    with pytest.raises(RejectPhoto, match="200 x 150 in 10 scans") as out:
        decode(data, LIMITS)
    assert out.value.code == "too_many_scans"


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_large_photos_are_reduced_while_decoding(monkeypatch, make, kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    data = make(4, kind, size=(1200, 900), exif=exif)
    limits = Limits(10**7, 16, 140)
    plain = decode(data, limits)
    monkeypatch.setattr("stages.ingest.decode.LARGE", 1000)
    large = decode(data, limits)
    assert large.image.size == plain.image.size == (105, 140)
    assert large.scaled_from == plain.scaled_from == (900, 1200)
    difference = np.asarray(large.image, dtype=int) - np.asarray(plain.image)
    assert np.abs(difference).mean() < 2


def test_format_of_unknown_bytes_is_none():
    assert detect_format(b"hello") is None
    assert detect_format(b"MM\0*....") == "TIFF"
    assert detect_format(b"\0\0\0\x18ftypheix") == detect_format(b"\0\0\0\x18ftypmif1") == "HEIF"
