import pytest

from stages.engine.gates.gate import run
from stages.engine.gates.suite import Expectation, Suite
from stages.engine.gates.summary import Upstream, summarise
from stages.engine.storage.pairs import make_pairs

KEYS = [f"{n:016x}" for n in range(3)]
MANIFEST = [{"key": key, "variant": "v0", "x": n} for n, key in enumerate(KEYS)]


def between(table, column, **bounds):
    meta = {name: bounds.pop(name) for name in ("of_the_set", "says", "warns") if name in bounds}
    kind = "expect_column_values_to_be_between"
    return Expectation(table, kind, {"column": column, **bounds}, **meta)


def rows(minimum, **kwargs):
    kind = "expect_table_row_count_to_be_between"
    return Expectation("manifest", kind, {"min_value": minimum, **kwargs})


def judge(*expectations, manifest=MANIFEST, min_photos=2, **more):
    upstream = Upstream(KEYS, make_pairs((key, "v0") for key in KEYS))
    summary = summarise(upstream, KEYS, manifest, [])
    tables = {"manifest": manifest, "photos": [], "rejects": []}
    return run(Suite("toy", expectations, min_photos), tables, summary, **more)


def test_a_gate_passes():
    verdict = judge(between("manifest", "x", max_value=2))
    assert verdict.success and verdict.failures == []
    assert [check.table for check in verdict.checks] == ["manifest"]
    assert verdict.to_dict()["success"] is True


def test_a_failure_names_expectation_value_and_keys():
    verdict = judge(between("manifest", "x", max_value=0))
    (check,) = verdict.failures
    assert not verdict.success
    assert check.expectation == "expect_column_values_to_be_between"
    assert "max_value=0" in check.expected
    assert "2 of 3 rows, values [1, 2]" in check.observed
    assert check.examples == [f"{KEYS[1]}-v0", f"{KEYS[2]}-v0"]
    assert all(word in str(check) for word in ("FAILED", "column=x", "values [1, 2]"))


def test_a_warning_does_not_fail_the_gate():
    verdict = judge(between("manifest", "x", max_value=0, warns=True))
    assert verdict.success and verdict.failures == []
    (check,) = verdict.warnings
    assert str(check).startswith("warning: ") and not check.success


def test_repeated_values_are_shown_once():
    manifest = [{"key": key, "variant": "v0", "x": 5} for key in KEYS]
    (check,) = judge(between("manifest", "x", max_value=0), manifest=manifest).failures
    assert "3 of 3 rows, values [5]" in check.observed


def test_a_failed_number_shows_its_value_and_example_keys():
    (check,) = judge(between("summary", "x.max", max_value=1)).failures
    assert "observed 2" in check.observed
    assert check.examples[0] == f"{KEYS[2]}-v0"


def test_only_failed_checks_are_explained():
    from dataclasses import replace

    def explain(check, expectation):
        return replace(check, message=f"{expectation.says}!")

    expectations = (
        between("manifest", "x", max_value=0, says="x is large"),
        between("manifest", "x", max_value=2),
    )
    verdict = judge(*expectations, explain=explain)
    assert [str(check) for check in verdict.failures] == ["FAILED: x is large!"]
    assert [check.message for check in verdict.checks if check.success] == [""]


def test_expectations_about_the_set_need_a_minimum_number_of_photos():
    of_the_set = between("summary", "x.mean", min_value=2, of_the_set=True)
    assert [c.column for c in judge(of_the_set, min_photos=3).failures] == ["x.mean"]
    verdict = judge(of_the_set, min_photos=4)
    assert verdict.success and verdict.not_judged == 1


def test_expectations_about_rows_need_no_minimum_number_of_photos():
    assert not judge(between("manifest", "x", max_value=0), min_photos=99).success


def test_in_a_table_without_rows_only_the_row_count_is_checked():
    expectations = (between("manifest", "x", max_value=0), rows(1))
    (check,) = judge(*expectations, manifest=[]).failures
    assert check.expectation == "expect_table_row_count_to_be_between"
    condition = {"row_condition": 'tool == "add"', "condition_parser": "pandas"}
    assert not judge(rows(1, **condition), manifest=[]).success
    assert judge(rows(0, **condition), manifest=[]).success


def test_a_mean_over_no_rows_is_not_judged():
    verdict = judge(between("summary", "x.mean", min_value=9, of_the_set=True), manifest=[])
    assert verdict.success and verdict.not_judged == 1


def test_an_unknown_column_fails():
    (check,) = judge(between("summary", "y.mean", min_value=0)).failures
    assert "y.mean" in check.observed


def test_all_bounds_on_one_column_are_checked():
    bounds = [{"max_value": 0}, {"max_value": 9}, {"min_value": 1}]
    verdict = judge(*[between("manifest", "x", **bound) for bound in bounds])
    assert len(verdict.failures) == 2 and len(verdict.checks) == 3


@pytest.mark.parametrize("table", ["photos", "rejects"])
def test_other_tables_are_checked_too(table):
    kind = "expect_column_values_to_be_unique"
    suite = Suite("toy", [Expectation(table, kind, {"column": "key"})], 1)
    summary = summarise(Upstream(KEYS), KEYS, [], [])
    tables = {"manifest": [], "photos": [], "rejects": [], table: [{"key": KEYS[0]}] * 2}
    (check,) = run(suite, tables, summary).failures
    assert (check.table, check.column) == (table, "key")
