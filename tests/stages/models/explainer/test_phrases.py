import pytest

from stages.models.explainer import phrases
from stages.models.perceiver.things.parts import PLACES
from stages.records.grid import DIRECTIONS


def test_every_direction_of_the_map_stage_has_words():
    assert set(phrases.DIRECTIONS) == set(phrases.SOURCES) == set(DIRECTIONS)
    assert phrases.direction_words("above-left") == "above and to the left of"
    assert phrases.source_words(None) == ""


def test_unknown_direction_is_an_error():
    with pytest.raises(ValueError, match="sideways"):
        phrases.direction_words("sideways")


def test_every_positional_part_has_names_and_each_name_one_part():
    assert set(phrases.POSITIONS) == set(PLACES)
    names = [name for found in phrases.POSITIONS.values() for name in found]
    assert len(names) == len(set(names))
    assert all(part in found for part, found in phrases.POSITIONS.items())
