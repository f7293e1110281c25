import pytest

from stages.engine.gates.gate import Check
from stages.engine.gates.messages import FailureMessages, describe_bounds
from stages.engine.gates.suite import Expectation
from stages.engine.stage import Reject

PATHS = {"a": "p/a.jpg", "b": "p/b.jpg"}
NUMBERS = {"photos_in": 3, "variants_in": 4}
REJECTS = [
    Reject("a", None, "too_small", "p/a.jpg is 64 x 64"),
    Reject("b", None, "internal_error", "ZeroDivisionError: x", {"at": "stages/map/add.py:7 in f"}),
    Reject("c", "v1", "flat", "nothing is to be seen"),
]


def explain(column, table="summary", params=(), examples=(), **meta):
    expectation = Expectation(table, "own", {"column": column, "max_value": 0.5}, params, **meta)
    check = Check(table, column, "own", "", "observed 0.7", False, list(examples))
    return FailureMessages("map", NUMBERS, REJECTS, PATHS).explain(check, expectation)


def test_a_share_of_photos_is_explained_by_reasons_files_and_param():
    check = explain("reject_rate", params=("map.gate.max_reject_rate",), says="too many rejects")
    assert check.message == (
        "too many rejects: reject_rate must be at most 0.5 (map.gate.max_reject_rate), "
        "observed 0.7; of 3 photos 1 internal_error (p/b.jpg: ZeroDivisionError: x at "
        "stages/map/add.py:7 in f), 1 too_small (p/a.jpg: is 64 x 64). What to do: if this is as "
        "intended, change map.gate.max_reject_rate in params.yaml; all rejects are in the gallery, "
        "all numbers in data/.report/map.json"
    )


def test_variants_are_rejected_alone_or_with_their_photo():
    message = explain("variant_reject_rate").message
    assert "of 4 variants" in message and "1 flat (c (v1): nothing is to be seen)" in message
    assert "1 too_small" in message


def test_internal_errors_are_explained_without_other_rejects():
    message = explain("internal_error_rate", remedy="fix it").message
    assert "of 3 photos 1 internal_error" in message and "too_small" not in message
    assert "What to do: fix it;" in message


def test_rows_name_files_and_a_failure_without_remedy_is_a_bug():
    check = explain("share", table="manifest", examples=["a-v0", "d"])
    assert check.examples == ["p/a.jpg (v0)", "d"]
    assert check.message == (
        "the manifest is not as required: share must be at most 0.5, observed 0.7; for example "
        "p/a.jpg (v0), d. This is a bug in the stage, not a fault of the photos: report it with "
        "data/.report/map.json"
    )


@pytest.mark.parametrize(
    ("kwargs", "text"),
    [
        ({"min_value": 1}, "must be at least 1"),
        ({"min_value": 0, "strict_min": True, "max_value": 2}, "must be above 0 and at most 2"),
        ({"value_set": ["x", "y"]}, "must be one of x, y"),
        ({"regex": "^a$"}, "must match ^a$"),
        ({"column_A": "x"}, ""),
    ],
)
def test_bounds_are_described(kwargs, text):
    assert describe_bounds(Expectation("manifest", "own", kwargs)) == text
