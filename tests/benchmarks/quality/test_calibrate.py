from collections import defaultdict

import pytest

from benchmarks.quality import calibrate, cases
from benchmarks.quality.calibrate import FLOOR, Thresholds


@pytest.fixture
def scored():
    found = defaultdict(list)
    for null in ("degraded", "shuffled", "elsewhere"):
        found["add", null, 0] = [{"presence": value / 100} for value in range(101)]
        found["add", null, 1] = [{"presence": 9.0}]
        found["fuse", null, 0] = [{"mix": -0.3}]
        found["remove", null, 0] = [{"gone": 0.2}]
    found["distort", "degraded", 0] = [{"change": 0.4, "stuff": 0.9}]
    for null in ("elsewhere", "foreign"):
        found["distort", null, 0] = [{"change": 0.9, "stuff": 0.6}]
    return found


def test_thresholds_refuse_most_of_the_first_half(scored):
    least = calibrate.thresholds(scored)
    assert least["add"] == {"presence": pytest.approx(0.95)}
    assert least["remove"] == {"gone": 0.2}


def test_each_score_has_its_own_nulls(scored):
    assert calibrate.thresholds(scored)["distort"] == {"change": 0.4, "stuff": 0.6}


def test_a_threshold_is_never_below_the_floor(scored):
    assert calibrate.thresholds(scored)["fuse"] == {"mix": FLOOR}


def test_all_scores_must_reach_theirs():
    least = {"distort": {"change": 0.4, "stuff": 0.6}}
    found = Thresholds.model_validate({"side": 384, "least": least, "passing_nulls": {}})
    assert found.passed("distort", {"change": 0.4, "stuff": 0.7})
    assert not found.passed("distort", {"change": 0.9, "stuff": 0.5})


def test_the_written_thresholds_refuse_null_pictures():
    """As measured on the half of the photos that did not give them."""
    written = calibrate.load(cases.SIDE)
    shares = [share for nulls in written.passing_nulls.values() for share in nulls.values()]
    assert len(shares) == 11
    assert max(shares) <= 0.15
