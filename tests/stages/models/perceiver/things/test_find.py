import numpy as np

from stages.models.perceiver.regions import Thing
from stages.models.perceiver.things.find import MAX_THINGS, Things
from stages.models.perceiver.things.names import group_members


class Stub:
    """A classifier that decides by the maximum of the red channel and returns random features."""

    names = tuple(f"class {i}" for i in range(1000))

    def probabilities(self, image):
        p = np.full(1000, 1e-6)
        p[group_members("car") if image[..., 0].max() > 200 else group_members("bird")] = 1
        return p / p.sum()

    def features(self, image):
        return np.random.default_rng(0).normal(size=(8, 28, 28)).astype(np.float32)


def find(squares, exclude=None):
    image = np.full((200, 300, 3), 90, np.uint8)
    saliency = np.zeros((320, 320), np.float32)
    for x, y, red in squares:
        image[y : y + 40, x : x + 40, 0] = red
        saliency[y * 320 // 200 : (y + 40) * 320 // 200, x * 320 // 300 : (x + 40) * 320 // 300] = 1
    return Things(Stub(), lambda _: saliency, 0.7, 0.5, 5)(image, exclude)  # pyright: ignore[reportArgumentType]


def test_the_name_is_that_of_most_views():
    # whole photo: car; the grey square alone and among its surroundings: bird, twice
    found = find([(20, 20, 255), (200, 100, 90)])
    by_place = {bool(thing.mask[:, :150].any()): thing.name for thing in found}
    assert by_place == {True: "car", False: "bird"}


def test_things_have_parts_inside_them():
    (thing,) = find([(100, 80, 255)])
    assert len(thing.regions) >= 2 and thing.score > 0.9
    assert all(not (region.mask & ~thing.mask).any() for region in thing.regions)


def test_the_mask_of_people_is_excluded():
    taken = np.zeros((200, 300), bool)
    taken[:, :150] = True
    found = find([(20, 20, 255), (200, 100, 90)], taken)
    assert len(found) == 1 and not (found[0].mask & taken).any()


def test_the_number_of_things_is_limited():
    squares = [(x, y, 255) for x in (10, 110, 210) for y in (20, 120)]
    assert len(find(squares)) == MAX_THINGS


def test_a_person_without_parts_is_divided_by_position():
    mask = np.zeros((200, 300), bool)
    mask[40:160, 100:180] = True
    things = Things(Stub(), lambda _: None, 0.7, 0.5, 5)  # pyright: ignore[reportArgumentType]
    divided = things.divide(np.full((200, 300, 3), 90, np.uint8), Thing("person", 0.8, mask))
    assert divided.name == "person" and len(divided.regions) >= 2
    assert all(r.positional and not (r.mask & ~mask).any() for r in divided.regions)
