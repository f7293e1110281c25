from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageCms

from stages.ingest import colour
from stages.ingest.colour import read_orientation, to_plain_rgb
from stages.ingest.decode import Limits, decode

LIMITS = Limits(max_pixels=10**6, min_side=16, max_side=1536)


def reopen(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return decode(buffer.getvalue(), LIMITS)


def make_marked_picture():
    """Make a black picture with a red top left quarter and a green top right quarter."""
    pixels = np.zeros((40, 60, 3), dtype=np.uint8)
    pixels[:20, :30, 0] = 255
    pixels[:20, 30:, 1] = 255
    return pixels


STORED = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, 1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, -1),
}
"""EXIF orientation to the operation that turns the upright picture into the stored one."""


@pytest.mark.parametrize("orientation", list(STORED))
def test_exif_orientation_is_applied(orientation):
    upright = make_marked_picture()
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](upright)))
    decoded = reopen(stored, exif=exif)
    assert np.array_equal(np.asarray(decoded.image), upright)


def test_damaged_exif_does_not_reject_the_photo():
    image = Image.fromarray(make_marked_picture())
    decoded = reopen(image, "JPEG", quality=95, exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01")
    assert decoded.image.size == (60, 40)


def make_swapped_profile():
    """Make an sRGB profile with the red and blue primaries swapped."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return data.replace(b"rXYZ", b"?XYZ").replace(b"bXYZ", b"rXYZ").replace(b"?XYZ", b"bXYZ")


def test_icc_profile_is_applied():
    red = Image.new("RGB", (40, 40), (250, 0, 0))
    decoded = reopen(red, icc_profile=make_swapped_profile())
    pixel = np.asarray(decoded.image)[20, 20]
    assert pixel[2] > 240 and pixel[0] < 12
    assert decoded.notes == ()


def test_broken_icc_profile_is_noted_and_colours_are_srgb():
    image = Image.fromarray(make_marked_picture())
    decoded = reopen(image, icc_profile=b"no profile at all" * 20)
    assert decoded.notes == ("icc_profile_ignored",)
    assert np.array_equal(np.asarray(decoded.image), make_marked_picture())


def test_profile_of_another_colour_space_is_noted():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    decoded = reopen(Image.fromarray(make_marked_picture()), icc_profile=lab)
    assert decoded.notes == ("icc_profile_ignored",)


def test_cmyk_jpeg_becomes_rgb_of_the_same_colours():
    cyan = Image.new("CMYK", (40, 40), (255, 0, 0, 0))
    decoded = reopen(cyan, "JPEG", quality=95)
    assert decoded.notes == ("cmyk_converted",)
    pixel = np.asarray(decoded.image, dtype=int)[20, 20]
    assert pixel[0] < 20 and pixel[1] > 235 and pixel[2] > 235


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    ramp = np.linspace(0, 65535, 64).round().astype(np.uint16)[None].repeat(32, axis=0)
    decoded = reopen(Image.fromarray(ramp))
    grey = np.asarray(decoded.image)
    assert decoded.notes == ("sixteen_bits_reduced",)
    assert np.array_equal(grey[..., 0], np.round(ramp / 257).astype(np.uint8))
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_transparency_is_put_on_white():
    pixels = np.zeros((40, 40, 4), dtype=np.uint8)
    pixels[:20] = (200, 10, 10, 255)
    decoded = reopen(Image.fromarray(pixels))
    rgb = np.asarray(decoded.image)
    assert decoded.notes == ("transparency_on_white",)
    assert rgb[0, 0].tolist() == [200, 10, 10] and rgb[39, 0].tolist() == [255, 255, 255]


def test_opaque_alpha_changes_nothing():
    pixels = np.full((40, 40, 4), 255, dtype=np.uint8)
    pixels[..., 0] = 7
    decoded = reopen(Image.fromarray(pixels))
    assert decoded.notes == ()
    assert np.asarray(decoded.image)[0, 0].tolist() == [7, 255, 255]


def test_palette_with_a_transparent_colour():
    image = Image.new("P", (40, 40), 0)
    image.putpalette([1, 2, 3, 250, 0, 0])
    image.paste(1, (0, 0, 40, 20))
    decoded = reopen(image, transparency=0)
    rgb = np.asarray(decoded.image)
    assert rgb[0, 0].tolist() == [250, 0, 0] and rgb[39, 0].tolist() == [255, 255, 255]


def test_palette_without_transparency():
    image = Image.new("P", (40, 40), 0)
    image.putpalette([1, 2, 3])
    assert np.asarray(reopen(image).image)[5, 5].tolist() == [1, 2, 3]


@pytest.mark.parametrize("mode,value", [("L", 90), ("1", 1), ("LA", (90, 255))])
def test_grey_modes_become_rgb(mode, value):
    decoded = reopen(Image.new(mode, (40, 40), value))
    expected = 255 if mode == "1" else 90
    assert np.asarray(decoded.image)[9, 9].tolist() == [expected] * 3


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "I;16", "I"])
def test_any_mode_becomes_rgb(mode):
    assert to_plain_rgb(Image.new(mode, (32, 32)), None, set()).mode == "RGB"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_bands_give_the_pixels_of_a_single_conversion(monkeypatch, mode):
    noise = np.random.default_rng(0).integers(0, 256, (90, 70, 4), dtype=np.uint8)
    image = Image.fromarray(noise)
    image = image.convert("L").convert(mode) if mode == "I;16" else image.convert(mode)
    profile = make_swapped_profile() if mode in {"RGB", "RGBA", "P"} else None
    whole_notes, band_notes = set(), set()
    whole = to_plain_rgb(image, profile, whole_notes)
    monkeypatch.setattr(colour, "_BAND", 700)
    bands = to_plain_rgb(image, profile, band_notes)
    assert np.array_equal(np.asarray(whole), np.asarray(bands)) and whole_notes == band_notes
    small = to_plain_rgb(image, profile, set(), shrink=4)
    assert small.size == (18, 23)
    box = np.asarray(whole)[:88, :68].reshape(22, 4, 17, 4, 3).mean(axis=(1, 3))
    assert np.abs(np.asarray(small)[:22, :17] - box).max() <= 1


def test_orientation_is_read_from_exif_then_xmp_and_defaults_to_upright():
    exif = Image.Exif()
    exif[0x0112] = 8
    packet = b'<rdf tiff:Orientation="6">'
    assert read_orientation(exif.tobytes(), packet, set()) == 8
    assert read_orientation(None, packet, set()) == 6
    assert read_orientation(None, b"<tiff:Orientation>3</tiff:Orientation>", set()) == 3
    exif[0x0112] = 77
    assert read_orientation(exif.tobytes(), None, set()) == 1
    notes = set()
    assert read_orientation(b"no TIFF", None, notes) == 1 and notes == {"exif_ignored"}
