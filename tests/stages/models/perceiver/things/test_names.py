import numpy as np
import pytest

from stages.models.perceiver.things.names import GROUPS, members, name

CLASSES = [f"class {i}" for i in range(1000)]


def spread(**groups):
    p = np.full(1000, 1e-6)
    for group, share in groups.items():
        indices = members(group)
        p[indices] = share / len(indices)
    return p


def test_a_sure_class_keeps_its_name():
    p = spread()
    p[207] = 0.9
    assert name(p, CLASSES, 0.7, 0.5) == ("class 207", 0.9)


def test_doubt_among_dogs_is_still_a_dog():
    word, share = name(spread(dog=0.8), CLASSES, 0.7, 0.5)
    assert word == "dog" and share == pytest.approx(0.8, abs=0.01)


def test_the_narrow_word_wins_over_animal():
    assert name(spread(bird=0.55, dog=0.4), CLASSES, 0.7, 0.5)[0] == "bird"
    assert name(spread(bird=0.4, dog=0.4), CLASSES, 0.7, 0.5)[0] == "animal"


def test_every_flower_is_a_flower():
    p = spread()
    p[985] = 0.95
    assert name(p, CLASSES, 0.7, 0.5)[0] == "flower"


def test_no_idea_is_an_object():
    assert name(np.full(1000, 1e-3), CLASSES, 0.7, 0.5)[0] == "object"


@pytest.mark.parametrize("group", GROUPS)
def test_groups_name_classes_once(group):
    indices = members(group)
    assert len(set(indices)) == len(indices) and min(indices) >= 0 and max(indices) < 1000
