import io

import numpy as np
import pytest
from PIL import Image

from stages.records.images import (
    open_png,
    paste,
    read_mask,
    read_picture,
    read_png,
    write_png,
    write_webp,
)


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


def saved(mode, kind="PNG"):
    file = io.BytesIO()
    Image.new(mode, (4, 3)).save(file, kind)
    return file.getvalue()


def test_pictures_and_masks_are_read_back(photo):
    assert np.array_equal(read_png(write_png(photo)), photo)
    mask = photo[..., 0] > 127
    assert np.array_equal(read_mask(write_png(mask)), mask)


def test_masks_are_stored_as_0_and_255(photo):
    kept = np.asarray(open_png(write_png(photo[..., 0] > 127), "L"))
    assert set(np.unique(kept)) == {0, 255}


def test_another_size_than_required_is_refused(photo):
    assert read_png(write_png(photo), (40, 30)).shape == (30, 40, 3)
    with pytest.raises(ValueError, match=r"expected \(30, 40\)"):
        read_png(write_png(photo), (30, 40))
    with pytest.raises(ValueError, match=r"expected \(1, 1\)"):
        read_mask(write_png(photo[..., 0] > 127), (1, 1))


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "I;16"])
def test_a_picture_of_another_mode_is_refused(mode):
    with pytest.raises(ValueError, match=f"mode RGB, found {mode}"):
        read_png(saved(mode))


def test_a_mask_of_another_mode_is_refused():
    with pytest.raises(ValueError, match="mode L, found RGB"):
        read_mask(saved("RGB"))


def cut_short(png):
    return png[: len(png) // 2]


def huge(png):
    """Set a huge width and height in the header without correcting its checksum."""
    return png[:16] + (60_000).to_bytes(4, "big") * 2 + png[24:]


@pytest.mark.parametrize(
    "spoil", [cut_short, huge, lambda _: b"junk", lambda _: saved("RGB", "JPEG")]
)
def test_unreadable_pngs_are_refused(photo, spoil):
    with pytest.raises(ValueError, match="not a readable PNG"):
        read_png(spoil(write_png(photo)))


def test_a_picture_with_too_many_pixels_is_refused(photo, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(ValueError, match="decompression bomb"):
        read_png(write_png(photo))


def test_a_crop_is_pasted_into_a_copy(photo):
    pasted = paste(photo, photo[:4, :5] + np.uint8(1), (10, 20, 15, 24))
    assert np.array_equal(pasted[20:24, 10:15], photo[:4, :5] + np.uint8(1))
    rest = np.ones(photo.shape[:2], bool)
    rest[20:24, 10:15] = False
    assert np.array_equal(pasted[rest], photo[rest]) and not np.array_equal(pasted, photo)


def test_a_crop_must_fit():
    with pytest.raises(ValueError, match="does not fit"):
        paste(np.zeros((8, 8, 3), np.uint8), np.zeros((4, 4, 3), np.uint8), (6, 6, 10, 10))


def test_a_published_picture_is_a_png_or_a_lossless_webp(photo):
    for data in (write_png(photo), write_webp(photo)):
        assert np.array_equal(read_picture(data), photo)
    assert write_webp(photo) == write_webp(photo)
    with pytest.raises(ValueError, match="not a readable PNG"):
        read_png(write_webp(photo))
    with pytest.raises(ValueError, match="not a readable PNG or WEBP"):
        read_picture(saved("RGB", "JPEG"))
    with pytest.raises(ValueError, match="mode RGB, found RGBA"):
        read_picture(saved("RGBA", "WEBP"))
    with pytest.raises(ValueError, match=r"expected \(1, 1\)"):
        read_picture(write_webp(photo), (1, 1))
    with pytest.raises(ValueError, match="not a readable PNG or WEBP"):
        read_picture(write_webp(photo)[:-20])
