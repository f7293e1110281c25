import pytest

from benchmarks.quality import calibrate, cases
from benchmarks.quality.calibrate import FLOOR, Scored, Thresholds


@pytest.fixture
def scored():
    """Five photos alike: keys 0 to 4 fall into one fold each."""
    found = []
    for key in "01234":
        for null in ("degraded", "shuffled", "elsewhere"):
            found += [Scored(key, "add", null, {"presence": v / 100}) for v in range(101)]
            found += [Scored(key, "fuse", null, {"mix": -0.3})]
            found += [Scored(key, "remove", null, {"gone": 0.2})]
        found += [Scored(key, "distort", "degraded", {"change": 0.4, "stuff": 0.9})]
        for null in ("elsewhere", "foreign"):
            found += [Scored(key, "distort", null, {"change": 0.9, "stuff": 0.6})]
    return found


def test_thresholds_refuse_most(scored):
    least = calibrate.thresholds(scored)
    assert least["add"] == {"presence": pytest.approx(0.95)}
    assert least["remove"] == {"gone": 0.2}


def test_each_score_has_its_own_nulls(scored):
    assert calibrate.thresholds(scored)["distort"] == {"change": 0.4, "stuff": 0.6}


def test_a_threshold_is_never_below_the_floor(scored):
    assert calibrate.thresholds(scored)["fuse"] == {"mix": FLOOR}


def test_a_photo_is_judged_by_the_others(scored):
    """One photo's null pictures score high: they do not raise the bar for themselves."""
    strange = [
        Scored(s.key, s.tool, s.null, {"presence": 5.0}) if (s.key, s.tool) == ("3", "add") else s
        for s in scored
    ]
    alike = calibrate.passing(scored, 384)["add"]["degraded"]
    assert calibrate.passing(strange, 384)["add"]["degraded"] >= 0.2 > alike


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
    assert max(shares) <= 0.2


def test_without_null_pictures_a_threshold_is_the_floor():
    least = calibrate.thresholds([])
    assert {value for scores in least.values() for value in scores.values()} == {calibrate.FLOOR}
