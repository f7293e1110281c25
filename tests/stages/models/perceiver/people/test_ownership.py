import numpy as np

from stages.models.perceiver.people.face import OVAL, Face
from stages.models.perceiver.people.ownership import Claim, divide_pixels, refine_border
from stages.models.perceiver.people.pose import Pose

SHAPE = (120, 200)
PHOTO = np.full((*SHAPE, 3), 127, np.uint8)


def face_at(x, y, radius=10):
    points = np.full((468, 2), (x, y), np.float32)
    turns = np.linspace(0, 2 * np.pi, len(OVAL), endpoint=False) - np.pi / 2
    points[list(OVAL)] = np.stack([x + radius * np.cos(turns), y + radius * np.sin(turns)], 1)
    return Face(1.0, points)


def blob(x0, x1):
    out = np.zeros(SHAPE, np.float32)
    out[10:110, x0:x1] = 0.95
    return out


def test_a_pixel_with_two_claims_is_assigned_to_the_nearer_person():
    claims = [
        Claim(blob(10, 150), face_at(50, 30), True, None),
        Claim(blob(50, 190), face_at(150, 30), True, None),
    ]
    left, right = divide_pixels(PHOTO, claims)
    assert not (left & right).any()
    assert left[60, 60] and right[60, 140]
    assert (
        left[claims[0].face.oval_mask(SHAPE)].all() and right[claims[1].face.oval_mask(SHAPE)].all()
    )


def test_a_body_without_a_face_keeps_the_pixels_near_its_bones():
    points = np.zeros((33, 2), np.float32)
    points[:11] = (150, 20)
    points[11:23:2], points[12:23:2] = (140, 40), (160, 40)
    points[23::2], points[24::2] = (145, 90), (155, 90)
    pose = Pose(1.0, points, np.ones(33, np.float32), blob(50, 190))
    claims = [
        Claim(blob(10, 150), face_at(50, 30), True, None),
        Claim(pose.mask, None, False, pose),
    ]
    left, right = divide_pixels(PHOTO, claims)
    assert not (left & right).any()
    assert left[30, 60] and right[60, 145]


def test_a_mask_without_its_face_is_empty():
    (mask,) = divide_pixels(PHOTO, [Claim(blob(100, 190), face_at(40, 40), True, None)])
    assert not mask.any()
    (mask,) = divide_pixels(PHOTO, [Claim(blob(100, 190), face_at(40, 40), False, None)])
    assert mask.any()


def test_borders_are_aligned_with_the_photos_edges():
    photo = np.zeros((60, 60, 3), np.uint8)
    photo[:, 30:] = 255
    coarse = np.zeros((60, 60), np.float32)
    coarse[:, 33:] = 1.0
    mask = refine_border(photo, coarse, 100.0) > 0.5
    assert abs(int(mask[30].argmax()) - 30) <= 1
