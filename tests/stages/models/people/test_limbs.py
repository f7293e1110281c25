import numpy as np
import pytest

from stages.models.people.limbs import body_size, limbs, torso
from stages.models.people.pose import Pose

SHAPE = (400, 300)


@pytest.fixture
def pose():
    """A person seen from the front: the left side is on the viewer's right."""
    points = np.zeros((33, 2), np.float32)
    points[:11] = (150, 60)
    for shift, side in ((0, 1), (1, -1)):
        for joint, (x, y) in {
            11: (30, 100), 13: (55, 150), 15: (60, 195), 23: (20, 200),
            25: (22, 270), 27: (22, 340), 29: (20, 350), 31: (30, 355),
        }.items():  # fmt: skip
            points[joint + shift] = (150 + side * x, y)
    return Pose(1.0, points, np.ones(33, np.float32), np.ones(SHAPE, np.float32))


BODY = np.ones(SHAPE, bool)


def test_both_sides_are_named_from_the_persons_view(pose):
    found = {r.name: r for r in limbs(pose, BODY, 0.5)}
    assert set(found) == {f"{s} {k}" for s in ("left", "right") for k in ("arm", "leg", "foot")}
    for name, region in found.items():
        middle = np.nonzero(region.mask)[1].mean()
        assert (middle > 150) == name.startswith("left")


def test_a_hidden_wrist_leaves_the_upper_arm(pose):
    pose.visible[15] = 0.1
    names = {r.name for r in limbs(pose, BODY, 0.5)}
    assert "left upper arm" in names and "right arm" in names
    assert not names & {"left arm", "left forearm"}


def test_what_leaves_the_picture_is_not_named(pose):
    pose.points[[27, 29, 31]] = (170, 900)
    names = {r.name for r in limbs(pose, BODY, 0.5)}
    assert "left thigh" in names and not names & {"left leg", "left lower leg", "left foot"}


def test_regions_stay_on_the_body(pose):
    body = np.zeros(SHAPE, bool)
    body[:, 140:190] = True
    for region in limbs(pose, body, 0.5):
        assert not (region.mask & ~body).any()


def test_torso_lies_between_shoulders_and_hips(pose):
    region = torso(pose, BODY, 0.5)
    assert region is not None
    rows = np.flatnonzero(region.mask.any(1))
    assert 90 <= rows[0] <= 105 and 195 <= rows[-1] <= 210
    pose.visible[24] = 0.0
    assert torso(pose, BODY, 0.5) is None


def test_body_size_survives_foreshortening(pose):
    before = body_size(pose.points)
    pose.points[[23, 24], 1] = 110
    assert before == pytest.approx(100, rel=0.02)
    assert body_size(pose.points) >= 0.7 * before
