import io

import numpy as np
import pytest
from PIL import Image

from applications import pictures


def encode(array, kind="PNG", **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, kind, **options)
    return file.getvalue()


def test_a_picture_is_rgb_of_its_own_size():
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    found = pictures.decode(encode(grey))
    assert found.shape == (3, 4, 3)
    assert np.array_equal(found[..., 0], grey)


def test_what_is_no_picture_is_an_error():
    with pytest.raises(ValueError, match="not a known image format"):
        pictures.decode(b"A sentence.")


def test_a_file_over_the_limit_is_not_decoded(monkeypatch):
    monkeypatch.setattr(pictures, "MAX_FILE_BYTES", 10)
    with pytest.raises(ValueError, match="at most 10"):
        pictures.decode(encode(np.zeros((2, 2, 3), np.uint8)))


def test_pixels_are_counted_before_decoding(monkeypatch):
    monkeypatch.setattr(pictures, "LIMITS", pictures.Limits(10, 1, 100))
    with pytest.raises(ValueError, match="at most 10 pixels"):
        pictures.decode(encode(np.zeros((4, 4, 3), np.uint8)))


@pytest.mark.parametrize(
    ("name", "words"), [("x" * 5000, "cannot be opened: File name too long"), ("x", "is missing")]
)
def test_a_name_that_no_file_has_is_an_error(tmp_path, name, words):
    with pytest.raises(ValueError, match=words):
        pictures.read_file(tmp_path / name, 10)
