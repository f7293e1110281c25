import numpy as np
import pytest
from pydantic import ValidationError

from stages.filter import bounds
from stages.filter.bounds import Distances
from stages.filter.params import Bounds
from stages.models.protocols import Case

LIMITS = Bounds(low=0.1, high=0.5, control=0.05, mask=0.05)


@pytest.mark.parametrize(
    ("tool", "found", "code"),
    [
        ("distort", Distances(0.3, 0.2, 0.2), "ok"),
        ("distort", Distances(0.1, 0.2, 0.2), "too_weak"),
        ("distort", Distances(0.5, 0.2, 0.2), "too_strong"),
        ("distort", Distances(0.3, 0.04, 0.2), "not_perceptible"),
        ("add", Distances(0.9, 0.2, 0.2), "ok"),
        ("add", Distances(0.01, 0.2, 0.2), "ok"),
        ("add", Distances(0.3, 0.2, 0.04), "not_perceptible"),
        ("remove", Distances(0.3, 0.0, 0.0), "not_perceptible"),
    ],
)
def test_the_bounds(tool, found, code):
    assert bounds.check(tool, found, LIMITS)[0] == code


class Difference:
    """Mean absolute difference: a metric whose values can be computed by hand."""

    def distance(self, a, b):
        return float(self.spatial(a, b).mean())

    def spatial(self, a, b):
        return np.abs(a.astype(np.float32) - b).mean(2)


def case(mask):
    real = np.zeros((40, 40, 3), np.uint8)
    control, artifact = real.copy(), real.copy()
    control[10:20, 10:20] = 1
    artifact[10:20, 10:20] = 5
    return Case(real, control, artifact, mask, None, control, artifact, None)


def test_distances_are_taken_in_the_target_box():
    mask = np.zeros((40, 40), bool)
    mask[10:15, 10:20] = True
    found = bounds.measure(case(mask), (10, 10, 20, 20), Difference())
    assert found == Distances(lpips_real=5, lpips_control=4, lpips_mask=4)
    wide = bounds.measure(case(mask), (0, 10, 20, 20), Difference())
    assert wide == Distances(lpips_real=2.5, lpips_control=2, lpips_mask=4)


def test_a_flaw_without_a_mask_has_no_distance_on_it():
    found = bounds.measure(case(np.zeros((40, 40), bool)), (10, 10, 20, 20), Difference())
    assert found.lpips_mask == 0


def test_an_empty_band_is_an_error():
    with pytest.raises(ValidationError, match="must be below"):
        Bounds(low=0.5, high=0.5)
