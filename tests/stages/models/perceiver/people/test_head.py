import numpy as np
import pytest

from stages.models.perceiver.people.face import OVAL, Face
from stages.models.perceiver.people.geometry import fill_hull
from stages.models.perceiver.people.head import BROWS, Skin, find_ears, find_eyebrows, find_neck
from stages.models.weights import packages

needs_weights = pytest.mark.skipif(
    not packages.is_available(packages.catalogue()["mediapipe"]), reason="weights are not fetched"
)
POINTS = np.full((468, 2), 15, np.float32)
POINTS[list(OVAL)] += 60 * np.stack(
    [np.cos(np.linspace(0, 6.28, len(OVAL))), np.sin(np.linspace(0, 6.28, len(OVAL)))], 1
)
FACE = Face(1.0, POINTS)
"""A wide oval with all cheek vertices in one point."""


@pytest.fixture(scope="module")
def astronaut(sample_photo):
    from stages.models.perceiver.people.person import PeopleFinder, PersonThresholds

    image = sample_photo("scikit-image/astronaut.png")
    (person,) = PeopleFinder(PersonThresholds(detection=0.575))(image)
    return image, person


def test_skin_matches_only_its_own_hue():
    image = np.full((60, 60, 3), (200, 150, 120), np.uint8)
    image[:, 30:] = (60, 90, 200)
    skin = Skin.sample(image, FACE, (0, 1))
    assert skin is not None
    like = skin.match(image)
    assert like[:, :30].all() and not like[:, 30:].any()


def test_a_grey_photo_has_no_skin_colour():
    image = np.full((60, 60, 3), 128, np.uint8)
    assert Skin.sample(image, FACE, (0, 1)) is None


@needs_weights
def test_brows_lie_above_the_eyes(astronaut):
    image, person = astronaut
    painted = np.full_like(image, 200)
    for vertices in BROWS.values():
        painted[fill_hull(person.face.points[list(vertices)], person.mask.shape)] = 60
    found = {r.name: r for r in find_eyebrows(person.face, painted, person.mask)}
    assert set(found) == {"left eyebrow", "right eyebrow"}
    for name, region in found.items():
        eye = person.face.feature_mask(name.replace("brow", ""), person.mask.shape)
        assert np.nonzero(region.mask)[0].mean() < np.nonzero(eye)[0].mean()


@needs_weights
def test_no_brow_is_found_if_the_forehead_is_as_dark(astronaut):
    image, person = astronaut
    assert find_eyebrows(person.face, np.full_like(image, 90), person.mask) == []


@needs_weights
def test_without_skin_colour_neither_ears_nor_neck_are_found(astronaut):
    image, person = astronaut
    grey = np.repeat(image.mean(2, keepdims=True).astype(np.uint8), 3, 2)
    assert find_ears(person.face, grey, person.mask) == []
    assert find_neck(person.face, grey, person.mask) is None


@needs_weights
def test_a_bare_neck_is_found_below_the_face_unless_covered(astronaut):
    image, person = astronaut
    bare = np.full_like(image, (205, 160, 140))
    region = find_neck(person.face, bare, np.ones_like(person.mask))
    assert region is not None
    assert np.nonzero(region.mask)[0].mean() > person.face.points[152, 1]
    covered = bare.copy()
    covered[np.nonzero(region.mask)] = (40, 60, 160)
    assert find_neck(person.face, covered, np.ones_like(person.mask)) is None
