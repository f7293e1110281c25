import pytest

from applications.protocols import Finding, Region


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_a_probability_is_a_share(probability):
    with pytest.raises(ValueError, match="probability"):
        Finding(probability)


@pytest.mark.parametrize("box", [(1, 1, 1, 2), (2, 1, 1, 2), (0, 0, float("inf"), 1)])
def test_a_region_has_an_area(box):
    with pytest.raises(ValueError, match="no box"):
        Region(box)


def test_a_score_is_a_share():
    with pytest.raises(ValueError, match="score"):
        Region((0, 0, 1, 1), score=2)
