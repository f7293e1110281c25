from functools import cache

import numpy as np
import pytest

from stages.models.perceiver.entities import build_entities
from stages.models.perceiver.mediapipe.params import MediapipeParams
from stages.models.perceiver.mediapipe.perceiver import MediapipePerceiver
from stages.models.perceiver.regions import Region, Thing
from stages.models.weights import packages
from stages.records.masks import decode

needs_weights = pytest.mark.skipif(
    not all(packages.is_available(packages.catalogue()[n]) for n in MediapipePerceiver.weights()),
    reason="weights are not fetched: run `flawfactory models fetch`",
)


def square(x, y, side=20):
    mask = np.zeros((100, 100), bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_tools_follow_kind_and_touch():
    regions = [
        Region("left hand", "hand", 0.9, square(10, 10)),
        Region("torso", "torso", 0.8, square(30, 10)),
        Region("right hand", "hand", 0.7, square(70, 70)),
    ]
    (entity,) = build_entities([Thing("person", 0.9, square(0, 0, 100), regions)], (0.0, 1.0))
    tools = {p.name: p.tools for p in entity.parts}
    assert tools == {
        "left hand": ["add", "remove", "fuse"],
        "torso": ["distort", "fuse"],
        "right hand": ["add", "remove"],
    }


def test_positional_parts_are_never_doubled_or_removed():
    regions = [Region("left part", "part", 0.5, square(0, 0), positional=True)]
    (entity,) = build_entities([Thing("cat", 0.5, square(0, 0, 60), regions)], (0.0, 1.0))
    assert entity.parts[0].tools == ["distort"] and entity.parts[0].positional


def test_touching_another_entity_allows_fusing():
    one = Thing("person", 0.9, square(0, 0, 30), [Region("face", "face", 0.9, square(10, 5))])
    two = Thing("person", 0.8, square(31, 0, 30), [Region("face", "face", 0.9, square(35, 40))])
    first, second = build_entities([one, two], (0.0, 1.0))
    assert first.parts[0].tools == ["distort", "fuse"]
    assert second.parts[0].tools == ["distort"]
    assert (first.id, second.parts[0].id) == ("e0", "e1.p0")


def test_parts_outside_the_area_band_are_left_out():
    regions = [Region(f"part {s}", "part", 0.5, square(0, 0, s)) for s in (5, 20, 80)]
    (entity,) = build_entities([Thing("cat", 0.5, square(0, 0, 90), regions)], (0.01, 0.5))
    assert [p.name for p in entity.parts] == ["part 20"]


@pytest.fixture(scope="module")
def perceiver():
    import torch

    torch.set_num_threads(1)
    return MediapipePerceiver(MediapipeParams())


@pytest.fixture(scope="module")
def look(perceiver, sample_photo):
    """What is seen in a sample photo; each is looked at once."""
    return cache(lambda name: perceiver.perceive(sample_photo(name)))


@needs_weights
def test_an_astronaut_has_a_face_where_it_is(look):
    found = look("scikit-image/astronaut.png")
    assert [e.name for e in found] == ["person"]
    parts = {p.name: p for p in found[0].parts}
    assert {"face", "left eye", "right eye", "nose", "mouth", "upper body"} <= set(parts)
    middles = {n: ((p.box[0] + p.box[2]) / 2, (p.box[1] + p.box[3]) / 2) for n, p in parts.items()}
    # measured by eye in the photo: eyes, nose and mouth of the face around (222, 110)
    assert np.allclose(middles["face"], (222, 112), atol=20)
    assert middles["left eye"][0] > middles["nose"][0] > middles["right eye"][0]
    assert middles["left eye"][1] < middles["nose"][1] < middles["mouth"][1]
    body = decode(found[0].mask)
    assert all(not (decode(p.mask) & ~body).any() for p in found[0].parts)


@needs_weights
def test_a_person_in_a_helmet_has_a_head_and_no_face(look):
    found = look("plasma/Astronaut.png")
    assert [e.name for e in found] == ["person"]
    parts = {p.name: p for p in found[0].parts}
    assert {"head", "left leg", "right leg"} <= set(parts) and "face" not in parts
    # measured by eye: the helmet covers columns 200 to 292 and rows 33 to 143, a pack is behind it
    assert np.allclose(parts["head"].box, (200, 33, 292, 143), atol=25)
    # facing the camera, the left leg is on the viewer's right
    assert parts["left leg"].box[0] > parts["right leg"].box[0]


@needs_weights
@pytest.mark.parametrize(
    ("photo", "name"),
    [("plasma/Cat.png", "cat"), ("plasma/Owl.png", "bird"), ("plasma/Dog.png", "golden retriever")],
)
def test_animals_are_no_people(look, photo, name):
    found = look(photo)
    assert [e.name for e in found] == [name]
    assert len(found[0].parts) >= 3
    assert all(p.positional or p.name in ("ear", "leg") for p in found[0].parts)


@needs_weights
def test_a_second_look_gives_the_same_bytes(look, perceiver, sample_photo):
    photo = "scikit-image/astronaut.png"
    again = perceiver.perceive(sample_photo(photo))
    assert again and [e.model_dump_json() for e in again] == [
        e.model_dump_json() for e in look(photo)
    ]


@needs_weights
@pytest.mark.parametrize("shade", [0, 255])
def test_an_empty_picture_holds_nobody(perceiver, shade):
    found = perceiver.perceive(np.full((200, 300, 3), shade, np.uint8))
    assert not [e for e in found if e.name == "person"]
