import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.models.perceiver.people.anchors import AnchorGrid, Detections, blend, decode, iou
from stages.models.perceiver.people.detect import FACE_FAR, FACE_NEAR, PALM, POSE

# number of anchors of each pinned model
COUNTS = [(FACE_NEAR, 896), (FACE_FAR, 2304), (POSE, 2254), (PALM, 2016)]


@pytest.mark.parametrize(("spec", "count"), COUNTS)
def test_the_number_of_anchors_matches_the_model(spec, count):
    centres = spec.grid.centres()
    assert centres.shape == (count, 2)
    assert (centres > 0).all() and (centres < 1).all()


def test_anchors_are_in_row_order_with_repeats_adjacent():
    centres = AnchorGrid(32, ((16, 2), (32, 1))).centres()
    expected = [(0.25, 0.25)] * 2 + [(0.75, 0.25)] * 2 + [(0.25, 0.75)] * 2 + [(0.75, 0.75)] * 2
    assert np.allclose(centres, [*expected, (0.5, 0.5)])


def test_decoding_adds_offsets_to_the_anchor():
    grid = AnchorGrid(32, ((16, 1),))
    raw = np.zeros((4, 6), np.float32)
    raw[3] = [1.6, -1.6, 6.4, 3.2, 3.2, 0.0]
    logits = np.array([[-9.0], [-9.0], [-9.0], [0.0]], np.float32)
    found = decode(raw, logits, grid, threshold=0.5)
    assert found.scores == pytest.approx([0.5])
    assert np.allclose(found.boxes, [[0.7, 0.65, 0.9, 0.75]])
    assert np.allclose(found.keypoints, [[[0.85, 0.75]]])


def test_decoding_nothing_keeps_the_keypoint_count():
    found = decode(np.zeros((4, 16)), np.full((4, 1), -50.0), AnchorGrid(32, ((16, 1),)), 0.5)
    assert found.keypoints.shape == (0, 6, 2) and found.boxes.shape == (0, 4)


def _detections(corners, sizes, scores):
    order = np.argsort(-scores, kind="stable")
    boxes = np.concatenate([corners, corners + sizes], 1)[order]
    return Detections(scores[order], boxes, boxes.reshape(-1, 2, 2))


unit = st.floats(2**-6, 1.0, width=32)
counts = st.shared(st.integers(1, 8), key="n")
rows = counts.flatmap(lambda n: arrays(np.float32, (n, 2), elements=unit))


@given(rows, rows, counts.flatmap(lambda n: arrays(np.float32, n, elements=unit)))
def test_blending_keeps_the_best_score_and_stays_within_the_boxes(corners, sizes, scores):
    found = _detections(corners, sizes, scores)
    out = blend(found)
    assert 1 <= len(out.scores) <= len(found.scores)
    assert out.scores[0] == found.scores[0]
    assert (np.diff(out.scores) <= 0).all()
    assert (out.boxes >= found.boxes.min(0) - 1e-5).all()
    assert (out.boxes <= found.boxes.max(0) + 1e-5).all()
    assert np.allclose(out.keypoints.reshape(-1, 4), out.boxes, atol=1e-5)


def test_blending_weights_by_score_and_keeps_distant_boxes():
    boxes = np.array([[0, 0, 1, 1], [0.2, 0, 1.2, 1], [3, 3, 4, 4]], np.float32)
    out = blend(Detections(np.array([0.9, 0.3, 0.2]), boxes, boxes.reshape(-1, 2, 2)))
    assert np.allclose(out.boxes, [[0.05, 0, 1.05, 1], [3, 3, 4, 4]])
    assert np.allclose(out.scores, [0.9, 0.2])


def test_iou_of_known_boxes():
    boxes = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6]], np.float32)
    assert np.allclose(iou(boxes[0], boxes), [1, 1 / 3, 0])
