import numpy as np
import pytest

from applications.training.compact.decoded import decode_photo
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
