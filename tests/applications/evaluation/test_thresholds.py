import pytest
from findings import example, heat, rows_of

from applications.evaluation.thresholds import choose
from applications.protocols import Finding, Region, Thresholds

OWN = Thresholds(0.5, 0.5, 0.5)


def test_the_threshold_is_between_the_classes():
    rows = rows_of(
        (example("a"), Finding(0.9)),
        (example("b"), Finding(0.8)),
        (example("c", "clean"), Finding(0.6)),
        (example("d", "clean"), Finding(0.1)),
    )
    assert choose(rows, OWN).picture == pytest.approx(0.7)


def test_the_mask_and_the_boxes_have_their_own():
    finding = Finding(
        1,
        (Region((0, 0, 10, 10), 0.3), Region((0, 0, 1, 1), 0.1)),
        mask=heat((0, 0, 10, 10), 0.25),
    )
    rows = rows_of((example("a", "flawed", (0, 0, 10, 10)), finding))
    chosen = choose(rows, OWN)
    assert 0.2 < chosen.pixel <= 0.25
    assert 0.1 < chosen.region <= 0.3


@pytest.mark.parametrize("label", ["flawed", "clean"])
def test_what_the_rows_say_nothing_about_is_kept(label):
    assert choose(rows_of((example("a", label), Finding(0.9))), OWN) == OWN


def test_among_equals_the_nearest_to_the_default_is_chosen():
    rows = rows_of((example("a"), Finding(1.0)), (example("b", "clean"), Finding(0.0)))
    assert choose(rows, OWN).picture == 0.5
