import numpy as np
import pytest

from stages.models.perceiver.people.anchors import Detections
from stages.models.perceiver.people.boxes import Boxes
from stages.models.perceiver.people.faceless import agreement, find_bodies, shows_known
from stages.models.perceiver.people.pose import Pose

PHOTO = np.zeros((200, 300, 3), np.uint8)
BOX = (100, 20, 160, 180)


def block(x0, y0, x1, y1):
    out = np.zeros(PHOTO.shape[:2], bool)
    out[y0:y1, x0:x1] = True
    return out


class OnePose:
    """A pose model that always predicts the same pose."""

    def __init__(self, mask, score=0.9):
        points, ones = np.zeros((33, 2), np.float32), np.ones(33, np.float32)
        self.pose = Pose(score, points, ones, mask.astype(np.float32))

    def __call__(self, image, roi):
        return self.pose, roi

    def predict_twice(self, image, roi):
        return self.pose


def no_hips(image, square, threshold):
    none = np.zeros(0, np.float32)
    return Detections(none, none.reshape(0, 4), none.reshape(0, 0, 2))


def look(mask, score=0.9, box_score=0.5, known=(), busts=(), box=BOX):
    boxes = Boxes(np.array([box_score], np.float32), np.array([box], np.float32))
    return find_bodies(PHOTO, boxes, known, busts, no_hips, OnePose(mask, score))


def test_a_box_that_the_poses_mask_fills_is_a_body():
    (body,) = look(block(*BOX))
    assert body.agreement == 1
    assert body.evidence == pytest.approx(0.5 * 0.9)
    assert body.score == pytest.approx(0.9)


@pytest.mark.parametrize(
    "changed",
    [
        {"mask": block(0, 0, 60, 160)},
        {"mask": block(100, 20, 160, 90)},
        {"mask": block(0, 0, 0, 0)},
        {"score": 0.3},
        {"box_score": 0.1},
        {"known": (block(*BOX),)},
        {"busts": (block(*BOX),)},
        {"box": (100, 20, 110, 40)},
    ],
    ids=["elsewhere", "half", "empty", "no pose", "no box", "known", "complete bust", "small"],
)
def test_without_evidence_there_is_no_body(changed):
    assert not look(**{"mask": block(*BOX), **changed})


def test_a_bust_in_a_larger_box_may_have_a_body():
    assert look(block(*BOX), busts=(block(105, 20, 155, 70),))


def test_a_person_found_by_the_face_is_not_found_again():
    bust = block(105, 20, 155, 70)
    assert shows_known(np.array(BOX, np.float32), [bust])
    assert not shows_known(np.array(BOX, np.float32), [block(200, 20, 260, 180)])


def test_agreement_is_the_overlap_of_the_boxes():
    assert agreement(np.array(BOX, np.float32), block(100, 20, 160, 100)) == pytest.approx(0.5)
