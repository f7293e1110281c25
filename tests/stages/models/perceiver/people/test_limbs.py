import numpy as np
import pytest

from stages.models.perceiver.people.limbs import body_size, chain_distance, find_limbs, find_torso
from stages.models.perceiver.people.pose import Pose

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


def test_sides_are_named_from_the_persons_view(pose):
    found = {r.name: r for r in find_limbs(pose, BODY, 0.5)}
    assert set(found) == {f"{s} {k}" for s in ("left", "right") for k in ("arm", "leg", "foot")}
    for name, region in found.items():
        middle = np.nonzero(region.mask)[1].mean()
        assert (middle > 150) == name.startswith("left")


def test_with_a_hidden_wrist_only_the_upper_arm_is_found(pose):
    pose.visible[15] = 0.1
    names = {r.name for r in find_limbs(pose, BODY, 0.5)}
    assert "left upper arm" in names and "right arm" in names
    assert not names & {"left arm", "left forearm"}


def test_limbs_that_leave_the_image_are_not_found(pose):
    pose.points[[27, 29, 31]] = (170, 900)
    names = {r.name for r in find_limbs(pose, BODY, 0.5)}
    assert "left thigh" in names and not names & {"left leg", "left lower leg", "left foot"}


def test_regions_stay_on_the_body(pose):
    body = np.zeros(SHAPE, bool)
    body[:, 140:190] = True
    for region in find_limbs(pose, body, 0.5):
        assert not (region.mask & ~body).any()


def test_torso_lies_between_shoulders_and_hips(pose):
    region = find_torso(pose, BODY, 0.5)
    assert region is not None
    rows = np.flatnonzero(region.mask.any(1))
    assert 90 <= rows[0] <= 105 and 195 <= rows[-1] <= 210
    pose.visible[24] = 0.0
    assert find_torso(pose, BODY, 0.5) is None


def test_body_size_tolerates_foreshortening(pose):
    before = body_size(pose.points)
    pose.points[[23, 24], 1] = 110
    assert before == pytest.approx(100, rel=0.02)
    assert body_size(pose.points) >= 0.7 * before


def test_limbs_do_not_overlap(pose):
    regions = find_limbs(pose, BODY, 0.5)
    assert np.stack([r.mask for r in regions]).sum(0).max() == 1


def test_a_limb_with_an_uncertain_joint_is_not_found(pose):
    pose.spread[15] = 0.6 * body_size(pose.points)
    names = {r.name for r in find_limbs(pose, BODY, 0.5)}
    assert "left upper arm" in names and "left arm" not in names and "right arm" in names


def test_an_arm_outside_the_body_is_not_found(pose):
    body = BODY.copy()
    body[:, 180:] = False
    names = {r.name for r in find_limbs(pose, body, 0.5)}
    assert "right arm" in names and not names & {"left arm", "left forearm"}


def test_of_two_arms_in_one_place_the_nearer_is_found(pose):
    pose.points[[12, 14, 16]] = pose.points[[11, 13, 15]] + 1
    pose.depth[[11, 13, 15]], pose.depth[[12, 14, 16]] = -60, 60
    names = {r.name for r in find_limbs(pose, BODY, 0.5)}
    assert "left arm" in names and "right arm" not in names


def test_a_foot_without_its_leg_is_not_found(pose):
    pose.spread[25] = 2 * body_size(pose.points)
    names = {r.name for r in find_limbs(pose, BODY, 0.5)}
    assert "left foot" not in names and "right foot" in names


def test_sleeves_wider_than_the_bone_belong_to_the_arm(pose):
    arm = next(r for r in find_limbs(pose, BODY, 0.5) if r.name == "left arm")
    away = chain_distance(
        pose.points[[11, 13, 15]],
        np.array([0.13, 0.105, 0.075], np.float32) * body_size(pose.points),
        np.arange(SHAPE[1]) + 0.5,
        np.arange(SHAPE[0]) + 0.5,
    )
    assert away[arm.mask].max() > 1.2
    assert away[160, 207] == pytest.approx(abs(207.5 - 205.6) / 10, abs=0.3)


def test_a_torso_seen_from_the_side_is_as_thick_as_a_body(pose):
    pose.points[[11, 12, 23, 24], 0] = 150
    torso = find_torso(pose, BODY, 0.5)
    columns = np.nonzero(torso.mask.any(0))[0]
    assert 0.3 * body_size(pose.points) < len(columns) < 0.6 * body_size(pose.points)
    pose.points[[11, 12, 23, 24], 0] = 180, 120, 175, 125
    wide = find_torso(pose, BODY, 0.5)
    assert len(np.nonzero(wide.mask.any(0))[0]) >= 60
