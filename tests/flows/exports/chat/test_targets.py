from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.exports.chat.targets import (
    TARGETS,
    count_tokens,
    find_size,
    read_box,
    write_box,
)

PIXELS = st.sampled_from([65_536, 262_144, 1_003_520])


@pytest.mark.parametrize("name", TARGETS)
@given(width=st.integers(64, 2000), height=st.integers(64, 2000), max_pixels=PIXELS)
def test_the_model_does_not_resize_a_resized_picture_again(
    name: str, width: int, height: int, max_pixels: int
) -> None:
    target = TARGETS[name]
    size = find_size(width, height, target, max_pixels)
    assert find_size(*size, target, max_pixels) == size
    assert prod(size) <= max_pixels or min(size) == target.factor
    assert all(side % target.factor == 0 for side in size)


def test_the_sizes_are_those_of_the_models_processors() -> None:
    assert find_size(640, 480, TARGETS["qwen2.5-vl"], 262_144) == (588, 420)
    assert find_size(640, 480, TARGETS["qwen3-vl"], 262_144) == (576, 416)
    assert find_size(640, 480, TARGETS["qwen3-vl"], 1_000_000) == (640, 480)
    assert find_size(640, 480, TARGETS["internvl"], 262_144) == (591, 443)


def test_a_limit_that_is_too_low_and_a_picture_that_is_too_long_are_errors() -> None:
    with pytest.raises(ValueError, match="max_pixels is 100"):
        find_size(640, 480, TARGETS["qwen2.5-vl"], 100)
    with pytest.raises(ValueError, match="aspect ratio"):
        find_size(4000, 10, TARGETS["qwen2.5-vl"], 262_144)


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
