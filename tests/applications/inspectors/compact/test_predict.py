import numpy as np
import pytest
import torch

from applications.inspectors.compact.network import InspectorNetwork
from applications.inspectors.compact.predict import Heat, compute_heat, find_regions
from stages.models.networks.efficientnet import EfficientNetLite0
from stages.tools import TOOLS


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return InspectorNetwork(EfficientNetLite0(), len(TOOLS), width=8).eval()


@pytest.mark.parametrize("size", [(1, 1), (33, 70), (64, 64), (90, 40), (3, 9000)])
def test_heat_has_the_size_of_the_picture(network, size):
    heat = compute_heat(network, np.zeros((*size, 3), np.uint8), short_side=64)
    assert heat.mask.shape == heat.tools.shape == size
    assert 0 <= heat.mask.min() <= heat.mask.max() <= 1
    assert heat.tools.max() < len(TOOLS)


def heat_map(*boxes):
    """A heat map with one box per (x0, y0, x1, y1, probability, tool)."""
    mask, tools = np.zeros((100, 120), np.float32), np.zeros((100, 120), np.uint8)
    for x0, y0, x1, y1, probability, tool in boxes:
        mask[y0:y1, x0:x1] = probability
        tools[y0:y1, x0:x1] = tool
    return Heat(0.0, mask, tools)


def test_regions_are_separate_pieces_by_probability():
    heat = heat_map((10, 20, 30, 50, 0.7, 1), (60, 60, 100, 90, 0.9, 3), (5, 80, 15, 90, 0.2, 0))
    first, second = find_regions(heat, 0.5)
    assert first.box == (60, 60, 100, 90) and first.tool == TOOLS[3]
    assert second.box == (10, 20, 30, 50) and second.tool == TOOLS[1]
    assert (first.score, second.score) == (pytest.approx(0.9), pytest.approx(0.7))
    assert second.pixels == 20 * 30


def test_a_crack_does_not_split_a_region_and_does_not_count_as_its_pixels():
    heat = heat_map((10, 20, 30, 50, 0.7, 1), (31, 20, 50, 50, 0.7, 1))
    (region,) = find_regions(heat, 0.5)
    assert region.box == (10, 20, 50, 50)
    assert region.pixels == (20 + 19) * 30


def test_small_pieces_are_no_regions():
    heat = heat_map((10, 20, 13, 23, 0.9, 1))
    assert find_regions(heat, 0.5, min_share=0.001) == []
    assert len(find_regions(heat, 0.5, min_share=0.0005)) == 1
