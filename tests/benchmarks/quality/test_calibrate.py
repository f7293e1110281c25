import pytest

from benchmarks.quality import calibrate, cases
from benchmarks.quality.calibrate import MIN_THRESHOLD, ScoredNull, Thresholds


@pytest.fixture
def scored():
    """Five photos with the same scores; each of the keys 0 to 4 falls into its own fold."""
    found = []
    for key in "01234":
        for null in ("degraded", "shuffled", "elsewhere"):
            found += [ScoredNull(key, "add", null, {"presence": v / 100}) for v in range(101)]
            found += [ScoredNull(key, "fuse", null, {"mix": -0.3})]
            found += [ScoredNull(key, "remove", null, {"gone": 0.2})]
        found += [ScoredNull(key, "distort", "degraded", {"change": 0.4, "stuff": 0.9})]
        for null in ("elsewhere", "foreign"):
            found += [ScoredNull(key, "distort", null, {"change": 0.9, "stuff": 0.6})]
    return found


def test_thresholds_refuse_most_null_pictures(scored):
    minimum = calibrate.compute_thresholds(scored)
    assert minimum["add"] == {"presence": pytest.approx(0.95)}
    assert minimum["remove"] == {"gone": 0.2}


def test_each_score_has_its_own_nulls(scored):
    assert calibrate.compute_thresholds(scored)["distort"] == {"change": 0.4, "stuff": 0.6}


def test_thresholds_have_a_minimum(scored):
    assert calibrate.compute_thresholds(scored)["fuse"] == {"mix": MIN_THRESHOLD}


def test_null_pictures_are_judged_by_other_photos(scored):
    """High scores of one photo's null pictures do not raise the threshold that judges them."""
    strange = [
        ScoredNull(s.key, s.tool, s.null, {"presence": 5.0})
        if (s.key, s.tool) == ("3", "add")
        else s
        for s in scored
    ]
    alike = calibrate.compute_passing_nulls(scored, 384)["add"]["degraded"]
    assert calibrate.compute_passing_nulls(strange, 384)["add"]["degraded"] >= 0.2 > alike


def test_all_scores_must_reach_their_minimum():
    minimum = {"distort": {"change": 0.4, "stuff": 0.6}}
    found = Thresholds.model_validate({"side": 384, "minimum": minimum, "passing_nulls": {}})
    assert found.accepts("distort", {"change": 0.4, "stuff": 0.7})
    assert not found.accepts("distort", {"change": 0.9, "stuff": 0.5})


def test_committed_thresholds_refuse_null_pictures():
    """As cross-validated on photos that did not give the thresholds."""
    committed = calibrate.load(cases.SIDE)
    shares = [share for nulls in committed.passing_nulls.values() for share in nulls.values()]
    assert len(shares) == 11
    assert max(shares) <= 0.2


def test_thresholds_without_null_pictures_are_the_minimum():
    found = calibrate.compute_thresholds([])
    assert {value for scores in found.values() for value in scores.values()} == {MIN_THRESHOLD}
