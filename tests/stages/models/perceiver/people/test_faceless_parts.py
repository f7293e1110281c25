import numpy as np
import pytest

from stages.models.perceiver.people.faceless_parts import (
    drop_sides,
    find_head,
    is_behind_head,
    is_facing_certain,
)
from stages.models.perceiver.people.pose import Pose
from stages.models.perceiver.regions import Region

SHAPE = (400, 300)


@pytest.fixture
def pose():
    """A person seen from behind: the left side is on the viewer's left."""
    points = np.zeros((33, 2), np.float32)
    points[:11] = (150, 60)
    points[[7, 8]] = (140, 60), (160, 60)
    points[[11, 12]] = (120, 110), (180, 110)
    points[[23, 24]] = (130, 210), (170, 210)
    return Pose(1.0, points, np.ones(33, np.float32), np.ones(SHAPE, np.float32))


@pytest.fixture
def body():
    mask = np.zeros(SHAPE, bool)
    mask[25:100, 120:180] = True  # head and hair
    mask[100:390, 100:200] = True
    return mask


def test_the_head_is_above_the_chin_with_its_hair(pose, body):
    head = find_head(pose, body, 0.5)
    rows = np.nonzero(head.mask)[0]
    assert head.name == head.kind == "head" and head.score == 1
    assert rows.min() <= 30 and 75 <= rows.max() <= 95
    assert not (head.mask & ~body).any()


def test_an_uncertain_or_covered_head_is_not_named(pose, body):
    assert find_head(pose, body & ~body, 0.5) is None
    pose.visible[11] = 0.2
    assert find_head(pose, body, 0.5) is None


def test_a_head_outside_the_image_is_not_named(pose, body):
    pose.points[:11, 1] -= 100
    assert find_head(pose, body, 0.5) is None


def test_a_bent_head_is_not_named(pose, body):
    pose.points[[7, 8], 1] = 105
    assert find_head(pose, body, 0.5) is None


def test_facing_is_certain_from_behind_and_from_the_front(pose):
    assert is_facing_certain(pose)
    pose.points[:, 0] = 300 - pose.points[:, 0]
    assert is_facing_certain(pose)


def test_facing_is_uncertain_in_profile_and_where_hips_contradict(pose):
    pose.points[[11, 12], 0] = 145, 155
    assert not is_facing_certain(pose)
    pose.points[[11, 12], 0] = 180, 120
    assert not is_facing_certain(pose)


def test_without_sides_parts_have_the_name_of_their_kind():
    mask = np.ones(SHAPE, bool)
    (region,) = drop_sides([Region("left upper arm", "upper arm", 0.7, mask)])
    assert (region.name, region.kind, region.score) == ("upper arm", "upper arm", 0.7)


def test_a_torso_under_a_bent_head_is_hidden(pose):
    torso = np.zeros(SHAPE, bool)
    torso[110:210, 120:180] = True
    assert not is_behind_head(pose, torso)
    pose.points[0] = (150, 130)
    assert is_behind_head(pose, torso)
