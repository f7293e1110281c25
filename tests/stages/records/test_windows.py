import numpy as np
import pytest

from stages.records.documents import Window
from stages.records.windows import cut, resize


@pytest.fixture
def photo():
    return np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


def window(box, size):
    return Window(id="w0", box=box, size=size, parts=[])


def test_pixels_at_scale_one_are_unchanged(photo):
    piece = cut(photo, window((10, 20, 74, 68), (64, 48)))
    assert np.array_equal(piece, photo[20:68, 10:74])


def test_a_scaled_window_has_the_models_size_and_keeps_the_mean(photo):
    piece = cut(photo, window((10, 20, 42, 44), (64, 48)))
    assert piece.shape == (48, 64, 3)
    assert abs(float(piece.mean()) - float(photo[20:44, 10:42].mean())) < 2


@pytest.mark.parametrize("box", [(-1, 0, 32, 32), (0, 0, 121, 32), (5, 5, 5, 20)])
def test_boxes_outside_the_photo_are_refused(photo, box):
    with pytest.raises(ValueError, match="leaves the photo"):
        cut(photo, window(box, (32, 32)))


def test_resize_keeps_constants_and_range_above_255():
    planes = np.full((32, 48, 2), 260.5, dtype=np.float32)
    back = resize(planes, (0, 0, 24, 16))
    assert back.shape == (16, 24, 2)
    np.testing.assert_allclose(back, 260.5, rtol=1e-5)
