import json

import pytest

from stages.engine import gate
from stages.engine.gate import load_suite, run
from stages.engine.stage import GateParams
from stages.engine.workspace import FactoryError

KEYS = [f"{n:016x}" for n in range(3)]
MANIFEST = [{"key": key, "variant": "v0", "x": n} for n, key in enumerate(KEYS)]
SUMMARY = {
    "photos_in": 3,
    "photos_accepted": 3,
    "photos_missing": 0,
    "photos_extra": 0,
    "variants_missing": 0,
    "variants_extra": 0,
    "reject_rate": 0.0,
    "internal_error_rate": 0.0,
    "x.mean": 1.0,
}


class Thresholds(GateParams):
    max_reject_rate: float = 0.5
    top: int = 2
    tools: tuple[str, ...] = ("add",)


def between(column, **bounds):
    kwargs = {"column": column, **bounds}
    return {"type": "expect_column_values_to_be_between", "kwargs": kwargs}


def tables(**changes):
    photos = [{"key": key, "rows": 1, "members": 2, "bytes": 9} for key in KEYS]
    found = {"manifest": MANIFEST, "photos": photos, "rejects": [], "summary": [SUMMARY]}
    return found | changes


def judge(suite, thresholds=None, examples=None, **changes):
    """Failures of the engine's own expectations and of `suite`."""

    class Folder:
        def __truediv__(self, name):
            return self

        def read_text(self):
            return json.dumps(suite)

    resolved = load_suite(Folder(), thresholds or Thresholds())
    return run("toy", resolved, tables(**changes), examples or (lambda column: []))


def test_a_gate_passes():
    verdict = judge({"manifest": [between("x", max_value=2)]})
    assert verdict.success and verdict.failures == []
    assert "manifest" in {check.table for check in verdict.checks}
    assert verdict.to_dict()["success"] is True


def test_a_failure_names_expectation_value_and_keys():
    verdict = judge({"manifest": [between("x", max_value=0)]})
    (check,) = verdict.failures
    assert not verdict.success
    assert check.expectation == "expect_column_values_to_be_between"
    assert "max_value=0" in check.expected
    assert "2 rows, values [1, 2]" in check.observed
    assert check.examples == [f"{KEYS[1]}-v0", f"{KEYS[2]}-v0"]
    assert all(word in str(check) for word in ("FAILED", "column=x", "values [1, 2]", KEYS[1]))


def test_a_failed_number_names_its_value_and_the_keys_behind_it():
    verdict = judge({"summary": [between("x.mean", min_value=2)]}, examples=lambda c: [f"of {c}"])
    (check,) = verdict.failures
    assert "1.0" in check.observed
    assert check.examples == ["of x.mean"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("photos_in", 0),
        ("photos_accepted", 0),
        ("photos_missing", 1),
        ("photos_extra", 1),
        ("variants_missing", 1),
        ("variants_extra", 1),
        ("internal_error_rate", 0.03),
        ("reject_rate", 0.6),
    ],
)
def test_the_engine_itself_checks_balance_and_rates(column, value):
    verdict = judge({}, summary=[SUMMARY | {column: value}])
    assert [check.column for check in verdict.failures] == [column]


def test_the_engine_itself_checks_keys_and_rejects():
    photos = [{"key": KEYS[0]}, {"key": KEYS[0]}, {"key": "no hex"}]
    rejects = [{"key": KEYS[0], "variant": "", "code": "Two Words", "message": ""}]
    verdict = judge({}, photos=photos, rejects=rejects)
    found = {(check.table, check.column): check for check in verdict.failures}
    assert len(verdict.failures) == 4
    assert set(found) == {("photos", "key"), ("rejects", "code"), ("rejects", "message")}


def test_thresholds_come_from_params():
    suite = {"manifest": [between("x", max_value={"$param": "top"})]}
    assert judge(suite).success
    (check,) = judge(suite, Thresholds(top=1)).failures
    assert "max_value=1" in check.expected
    assert judge(
        {}, Thresholds(max_reject_rate=0.1), summary=[SUMMARY | {"reject_rate": 0.2}]
    ).failures


def test_thresholds_may_be_anywhere_in_an_expectation():
    expectation = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "x", "value_set": [{"$param": "top"}, 0, 1]},
    }
    assert judge({"manifest": [expectation]}).success
    assert not judge({"manifest": [expectation]}, Thresholds(top=7)).success


def test_an_unknown_threshold_is_named():
    with pytest.raises(FactoryError, match="threshold 'topp' is not in Thresholds"):
        judge({"manifest": [between("x", max_value={"$param": "topp"})]})


def test_an_unknown_table_is_named():
    with pytest.raises(FactoryError, match="no table 'manifests'"):
        judge({"manifests": [between("x", max_value=1)]})


def test_tables_without_rows_are_left_to_the_summary():
    verdict = judge({"manifest": [between("x", max_value=0)]}, manifest=[])
    assert verdict.success
    assert "manifest" not in {check.table for check in verdict.checks}


def test_a_column_that_is_not_there_fails():
    (check,) = judge({"summary": [between("y.mean", min_value=0)]}).failures
    assert "y.mean" in check.observed


def test_two_bounds_on_one_column_both_count():
    bounds = [between("x", max_value=0), between("x", max_value=9), between("x", min_value=1)]
    verdict = judge({"manifest": bounds})
    assert len(verdict.failures) == 2
    assert sum(check.table == "manifest" for check in verdict.checks) == 3


def test_a_stages_bound_does_not_replace_the_engines():
    verdict = judge(
        {"summary": [between("photos_missing", max_value=5)]},
        summary=[SUMMARY | {"photos_missing": 1}],
    )
    assert [check.column for check in verdict.failures] == ["photos_missing"]


def test_the_suites_are_great_expectations_own_names():
    suite = json.loads(gate._COMMON.read_text())
    for expectations in suite.values():
        for expectation in expectations:
            assert expectation["type"].startswith("expect_column_")
