import numpy as np
import pytest
from PIL import Image

from applications.training.compact.decoded import decode_folder, decode_photo
from stages.models.flow.model import Flow


@pytest.fixture(scope="module")
def flow():
    return Flow.load("weights/compact")


@pytest.mark.parametrize("size", [(48, 64), (37, 50)])
def test_a_photo_of_any_size_comes_back_nearly_the_same(flow, size):
    ramp = np.linspace(40, 200, size[0] * size[1] * 3).reshape(*size, 3).astype(np.uint8)
    decoded = decode_photo(flow, ramp)
    assert decoded.shape == ramp.shape and decoded.dtype == np.uint8
    difference = np.abs(decoded.astype(float) - ramp)
    assert 0 < difference.mean() < 12


def test_a_folder_is_decoded_evenly_and_what_exists_or_is_no_picture_is_left(
    flow, tmp_path, caplog
):
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(6):
        Image.fromarray(np.full((20, 30, 3), 40 * index, np.uint8)).save(photos / f"{index}.png")
    (photos / "4.png").write_bytes(b"no picture")
    assert decode_folder(flow, photos, tmp_path / "to", at_most=3) == 2
    assert sorted(path.name for path in (tmp_path / "to").iterdir()) == ["0.png", "2.png"]
    assert "4.png is left out" in caplog.text
    assert abs(np.asarray(Image.open(tmp_path / "to/2.png")).mean() - 80) < 8
    assert decode_folder(flow, photos, tmp_path / "to") == 3
