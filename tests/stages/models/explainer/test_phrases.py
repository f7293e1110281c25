import pytest

from stages.models.explainer import phrases
from stages.records.grid import DIRECTIONS


def test_every_direction_of_the_map_stage_has_words():
    assert set(phrases.DIRECTIONS) == set(phrases.SOURCES) == set(DIRECTIONS)
    assert phrases.direction_words("above-left") == "above and to the left of"
    assert phrases.source_words(None) == ""


def test_unknown_direction_is_an_error():
    with pytest.raises(ValueError, match="sideways"):
        phrases.direction_words("sideways")
