import pytest

from applications.evaluation.metrics.intervals import Score
from applications.studies.tables import average, format_average, to_markdown


def test_the_average_over_seeds_by_hand():
    found = average([Score(0.6, 0.5, 0.8), Score(0.8, 0.6, 0.9)])
    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx((0.7, 0.55, 0.85))
    assert (found.lowest, found.highest, found.seeds) == (0.6, 0.8, 2)
    assert format_average(found) == "0.700 (0.55-0.85) [0.60-0.80]"
    assert format_average(average([Score(0.6, 0.5, 0.8)])) == "0.600 (0.50-0.80)"


def test_a_figure_that_one_seed_lacks_is_undefined():
    assert average([Score(0.6, 0.5, 0.8), Score(None)]) is None
    assert average([Score(0.6, 0.5, 0.8), None]) is None
    assert average([]) is None
    assert format_average(None) == "undefined"


def test_markdown():
    assert to_markdown(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
