from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.exports.chat.targets import (
    MAX_RATIO,
    TARGETS,
    count_tokens,
    find_size,
    read_box,
    write_box,
)
from stages.models.networks import torchvision_import

QWEN = ("qwen2.5-vl", "qwen3-vl")
SIDES = st.integers(1, 3000)
PIXELS = st.sampled_from([4096, 65_536, 262_144, 1_003_520])


@pytest.mark.parametrize("name", QWEN)
@given(width=SIDES, height=SIDES, max_pixels=PIXELS)
def test_qwens_sizes_are_those_of_its_image_processor(
    name: str, width: int, height: int, max_pixels: int
) -> None:
    torchvision_import.prepare()
    from transformers.models.qwen2_vl.image_processing_qwen2_vl import smart_resize

    target = TARGETS[name]
    if max(width, height) > MAX_RATIO * min(width, height):
        with pytest.raises(ValueError, match="sides may differ"):
            find_size(width, height, target, max_pixels)
        return
    rows, columns = smart_resize(height, width, target.factor, 56 * 56, max_pixels)
    assert find_size(width, height, target, max_pixels) == (columns, rows)


@pytest.mark.parametrize("name", TARGETS)
@given(width=st.integers(64, 2000), height=st.integers(64, 2000), max_pixels=PIXELS)
def test_the_model_does_not_resize_a_resized_picture_again(
    name: str, width: int, height: int, max_pixels: int
) -> None:
    target = TARGETS[name]
    size = find_size(width, height, target, max_pixels)
    assert find_size(*size, target, max_pixels) == size
    if prod(size) > max_pixels:  # one side cannot become less than one patch
        assert min(size) == target.factor


def test_a_limit_below_the_smallest_picture_is_an_error() -> None:
    with pytest.raises(ValueError, match="max_pixels 100"):
        find_size(640, 480, TARGETS["qwen2.5-vl"], 100)


def test_boxes_are_pixels_or_thousandths() -> None:
    box, size = (64, 48, 320, 480), (640, 480)
    assert write_box(box, size, TARGETS["qwen2.5-vl"]) == [64, 48, 320, 480]
    assert write_box(box, size, TARGETS["qwen3-vl"]) == [100, 100, 500, 1000]
    assert write_box(box, size, TARGETS["internvl"]) == [100, 100, 500, 1000]


@pytest.mark.parametrize("name", TARGETS)
@given(data=st.data(), width=st.integers(56, 1000), height=st.integers(56, 1000))
def test_a_written_box_is_read_back_to_the_pixel(
    name: str, data: st.DataObject, width: int, height: int
) -> None:
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height))
    target = TARGETS[name]
    assert read_box(write_box(box, (width, height), target), (width, height), target) == box


def test_tokens_are_patches_or_tiles() -> None:
    assert count_tokens((560, 280), TARGETS["qwen2.5-vl"]) == 20 * 10
    assert count_tokens((640, 320), TARGETS["qwen3-vl"]) == 20 * 10
    assert count_tokens((400, 400), TARGETS["internvl"]) == 256
    assert count_tokens((896, 448), TARGETS["internvl"]) == 3 * 256
