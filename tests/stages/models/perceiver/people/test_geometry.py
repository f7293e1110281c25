import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.models.perceiver.people.geometry import (
    Roi,
    fill_capsules,
    fill_hull,
    fill_polygon,
    roi_angle,
)

rois = st.builds(
    Roi,
    st.floats(-200, 900),
    st.floats(-200, 900),
    st.floats(8, 900),
    st.floats(-math.pi, math.pi),
)
points = st.lists(st.tuples(st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=9)


@given(rois, points, st.sampled_from([1.0, 192.0]))
def test_crop_and_photo_coordinates_are_inverse(roi, local, side):
    local = np.array(local) * side
    back = roi.to_crop(roi.to_photo(local, side), side)
    assert np.allclose(back, local, atol=2e-3 * side)


def test_a_positive_angle_rotates_clockwise():
    roi = Roi(100, 100, 20, math.pi / 2)
    assert np.allclose(roi.to_photo(np.array([[0.5, 0.0]])), [[110, 100]], atol=1e-4)


@given(st.floats(0, 2 * math.pi), st.floats(-3, 3))
def test_roi_angle_rotates_an_arrow_to_the_target(direction, target):
    start = np.array([50.0, 60.0])
    end = start + 10 * np.array([math.cos(direction), math.sin(direction)])
    roi = Roi(50, 60, 40, roi_angle(start, end, target))
    tip = roi.to_crop(end[None])[0] - 0.5
    assert np.allclose(tip, 0.25 * np.array([math.cos(target), -math.sin(target)]), atol=1e-4)


def test_cut_returns_the_pixels_of_the_square_and_black_outside():
    image = np.zeros((40, 60, 3), np.uint8)
    image[10:30, 20:40] = (255, 128, 0)
    crop = Roi(30, 20, 20).cut(image, 20)
    assert np.allclose(crop, np.array([255, 128, 0]) / 255, atol=1e-6)
    outside = Roi(-30, -30, 20).cut(np.full((40, 60, 3), 255, np.uint8), 16)
    assert outside.max() == 0


def test_a_large_region_is_blurred_before_sampling():
    stripes = np.zeros((512, 512, 3), np.uint8)
    stripes[:, ::2] = 255
    crop = Roi(256, 256, 512).cut(stripes, 32)
    assert np.allclose(crop[2:-2, 2:-2], 0.5, atol=0.05)


@given(st.floats(-math.pi, math.pi))
def test_paste_restores_the_position_of_a_crop(angle):
    roi = Roi(64, 48, 60, angle)
    back = roi.paste(np.ones((32, 32), np.float32), (96, 128))
    assert back[48, 64] == pytest.approx(1)
    assert back.sum() == pytest.approx(60 * 60, rel=0.03)
    assert back[:10, :10].max() == 0


def test_polygon_and_hull_cover_a_square():
    corners = np.array([[10, 10], [30, 10], [30, 30], [10, 30]], np.float32)
    mask = fill_polygon(corners, (40, 40))
    assert mask[20, 20] and not mask[5, 5] and 400 <= mask.sum() <= 21 * 21
    inner = np.vstack([corners, [[20, 20]]])
    assert (fill_hull(inner[[2, 4, 0, 1, 3]], (40, 40)) == mask).all()


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 79)), min_size=2, max_size=5),
    st.floats(1, 9),
)
def test_capsules_cover_every_joint_and_stay_within_their_radius(joints, radius):
    chain = np.array(joints, np.float32)
    mask = fill_capsules(chain, np.full(len(chain), radius, np.float32), (80, 100))
    for x, y in joints:
        assert mask[y, x]
    ys, xs = np.nonzero(mask)
    pixels = np.stack([xs, ys], 1) + 0.5
    gap = np.full(len(pixels), np.inf)
    for a, b in pairwise(chain):
        along = b - a
        t = np.clip((pixels - a) @ along / max(float(along @ along), 1e-9), 0, 1)
        gap = np.minimum(gap, np.hypot(*(pixels - a - t[:, None] * along).T))
    assert gap.max() <= radius + 2.5
