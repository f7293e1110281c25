from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.exports.chat.targets import (
    TARGETS,
    count_tiles,
    count_tokens,
    find_size,
    read_box,
    write_box,
)
from stages.models.networks import torchvision_import

PIXELS = st.sampled_from([131_072, 262_144, 1_003_520])


@pytest.mark.parametrize("name", TARGETS)
@given(width=st.integers(64, 2000), height=st.integers(64, 2000), max_pixels=PIXELS)
def test_the_model_does_not_resize_a_resized_picture_again(
    name: str, width: int, height: int, max_pixels: int
) -> None:
    target = TARGETS[name]
    size = find_size(width, height, target, max_pixels)
    assert find_size(*size, target, max_pixels) == size
    assert prod(size) <= max_pixels or min(size) == target.factor
    assert prod(size) >= target.min_pixels
    assert all(side % target.factor == 0 for side in size)


def test_the_sizes_are_those_of_the_models_processors() -> None:
    assert find_size(640, 480, TARGETS["qwen2.5-vl"], 262_144) == (588, 420)
    assert find_size(640, 480, TARGETS["qwen3-vl"], 262_144) == (576, 416)
    assert find_size(640, 480, TARGETS["qwen3-vl"], 1_000_000) == (640, 480)
    assert find_size(640, 480, TARGETS["internvl"], 262_144) == (591, 443)
    assert find_size(160, 120, TARGETS["qwen2.5-vl"], 262_144) == (168, 112)
    assert find_size(160, 120, TARGETS["qwen3-vl"], 262_144) == (320, 224)


@pytest.mark.parametrize("max_pixels", [131_072, 262_144])
@pytest.mark.parametrize("width, height", [(640, 480), (400, 800), (100, 90)])
@pytest.mark.parametrize("name", TARGETS)
def test_the_models_own_processors_keep_the_size_and_make_as_many_tokens(
    name: str, width: int, height: int, max_pixels: int
) -> None:
    torchvision_import.prepare()
    from transformers import GotOcr2ImageProcessor, Qwen2VLImageProcessor

    target = TARGETS[name]
    size = find_size(width, height, target, max_pixels)
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    if target.tile:
        side = {"height": target.tile, "width": target.tile}
        processor = GotOcr2ImageProcessor(
            size=side, crop_to_patches=True, max_patches=count_tiles(target, max_pixels)
        )
        tiles = processor(picture, return_tensors="pt")["pixel_values"]
        assert 256 * len(tiles) == count_tokens(size, target, max_pixels)
    else:
        # The sizes of the released preprocessor_config.json; a patch is half the factor.
        limits = {"shortest_edge": target.min_pixels, "longest_edge": max_pixels}
        patch = target.factor // 2
        processor = Qwen2VLImageProcessor(size=limits, patch_size=patch)
        ((_, rows, columns),) = processor(picture, return_tensors="pt")["image_grid_thw"].tolist()
        assert (columns * patch, rows * patch) == size
        assert rows * columns // 4 == count_tokens(size, target, max_pixels)


def test_a_limit_that_is_too_low_and_a_picture_that_is_too_long_are_errors() -> None:
    with pytest.raises(ValueError, match="max_pixels is 100"):
        find_size(640, 480, TARGETS["qwen2.5-vl"], 100)
    with pytest.raises(ValueError, match="must be at least 131072"):
        find_size(640, 480, TARGETS["qwen3-vl"], 65_536)
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
    limit = 262_144
    assert count_tokens((560, 280), TARGETS["qwen2.5-vl"], limit) == 20 * 10
    assert count_tokens((640, 320), TARGETS["qwen3-vl"], limit) == 20 * 10
    assert count_tokens((591, 443), TARGETS["internvl"], limit) == 256
    assert count_tokens((896, 448), TARGETS["internvl"], 2 * 448**2) == 3 * 256
    # InternVL enlarges a picture of 4:3 to 4 x 3 tiles if it may use twelve.
    assert count_tokens((591, 443), TARGETS["internvl"], 12 * 448**2) == 13 * 256
