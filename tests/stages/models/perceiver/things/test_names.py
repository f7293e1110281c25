import numpy as np
import pytest

from stages.models.perceiver.things.names import GROUPS, choose_name, group_members

CLASSES = [f"class {i}" for i in range(1000)]


def spread(**groups):
    p = np.full(1000, 1e-6)
    for group, share in groups.items():
        indices = group_members(group)
        p[indices] = share / len(indices)
    return p


def test_a_certain_class_is_named():
    p = spread()
    p[207] = 0.9
    assert choose_name(p, CLASSES, 0.7, 0.5) == ("class 207", 0.9)


def test_uncertainty_among_dogs_gives_the_group():
    word, share = choose_name(spread(dog=0.8), CLASSES, 0.7, 0.5)
    assert word == "dog" and share == pytest.approx(0.8, abs=0.01)


def test_a_narrow_group_comes_before_animal():
    assert choose_name(spread(bird=0.55, dog=0.4), CLASSES, 0.7, 0.5)[0] == "bird"
    assert choose_name(spread(bird=0.4, dog=0.4), CLASSES, 0.7, 0.5)[0] == "animal"


def test_flowers_are_named_by_their_group():
    p = spread()
    p[985] = 0.95
    assert choose_name(p, CLASSES, 0.7, 0.5)[0] == "flower"


def test_an_uncertain_thing_is_an_object():
    assert choose_name(np.full(1000, 1e-3), CLASSES, 0.7, 0.5)[0] == "object"


@pytest.mark.parametrize("group", GROUPS)
def test_groups_list_each_class_once(group):
    indices = group_members(group)
    assert len(set(indices)) == len(indices) and min(indices) >= 0 and max(indices) < 1000
