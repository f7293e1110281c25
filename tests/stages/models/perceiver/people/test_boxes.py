import numpy as np
import pytest

from stages.models.perceiver.people.boxes import (
    PACKAGE,
    Boxes,
    PersonDetector,
    decode,
    fuse,
    make_anchors,
    suppress,
)
from stages.models.weights import packages


def boxes(*rows):
    """Boxes from rows of a score and x0, y0, x1, y1."""
    values = np.array(rows, np.float32).reshape(-1, 5)
    return Boxes(values[:, 0], values[:, 1:])


def test_anchors_cover_all_cells_of_six_maps():
    anchors = make_anchors()
    assert anchors.shape == (19**2 * 3 + (10**2 + 5**2 + 3**2 + 2**2 + 1) * 6, 4)
    assert np.allclose(anchors[:3, :2], 0.5 / 19)
    assert np.allclose(anchors[1, 2] / anchors[1, 3], 2)
    assert np.allclose(anchors[-1], (0.5, 0.5, 0.95**0.5, 0.95**0.5))


def test_raw_boxes_are_vertical_first_and_relative_to_the_anchor():
    anchor = np.array([[0.5, 0.4, 0.2, 0.1]], np.float32)
    assert np.allclose(decode(np.zeros((1, 4), np.float32), anchor), (0.4, 0.35, 0.6, 0.45))
    raw = np.array([[10, 0, 0, 5 * np.log(2)]], np.float32)  # down by its height, twice as wide
    assert np.allclose(decode(raw, anchor), (0.3, 0.45, 0.7, 0.55), atol=1e-6)


def test_of_overlapping_boxes_the_best_is_kept():
    found = suppress(boxes((0.4, 0, 0, 10, 20), (0.9, 1, 0, 11, 20), (0.5, 50, 0, 60, 20)))
    assert np.allclose(found.scores, (0.9, 0.5))


def test_a_box_that_one_of_two_views_misses_has_half_the_score():
    found = fuse([boxes((0.8, 0, 0, 10, 20), (0.6, 50, 0, 60, 20)), boxes((0.4, 2, 0, 12, 20))])
    assert np.allclose(found.scores, (0.6, 0.3))
    assert np.allclose(found.boxes[0], (2 / 3, 0, 10 + 2 / 3, 20))
    assert np.allclose(found.boxes[1], (50, 0, 60, 20))


def test_views_without_boxes_fuse_to_nothing():
    assert fuse([boxes(), boxes()]).boxes.shape == (0, 4)


@pytest.fixture(scope="module")
def detect():
    if not packages.is_available(packages.catalogue()[PACKAGE]):
        pytest.skip("weights are not fetched: run `flawfactory models fetch`")
    return PersonDetector()


def test_a_person_in_a_helmet_is_detected_also_in_the_mirror(detect, sample_photo):
    photo = sample_photo("plasma/Astronaut.png")
    found, mirrored = detect(photo), detect(np.ascontiguousarray(photo[:, ::-1]))
    # measured by eye: the suit covers columns 158 to 370 and rows 30 to 440
    assert found.scores[0] > 0.4 and np.allclose(found.boxes[0], (158, 30, 370, 440), atol=30)
    x0, y0, x1, y1 = mirrored.boxes[0]
    assert np.allclose(found.boxes[0], (512 - x1, y0, 512 - x0, y1), atol=10)


def test_an_empty_photo_has_no_probable_box(detect):
    assert (detect(np.full((120, 300, 3), 255, np.uint8)).scores < 0.15).all()
