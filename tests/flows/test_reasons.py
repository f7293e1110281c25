from pathlib import Path

from flows.reasons import changed_values, locked_params, reasons


def test_only_values_that_differ_are_named() -> None:
    old = {"lpips": {"low": 0.1, "high": 0.5}, "gone": 1}
    new = {"lpips": {"low": 0.12, "high": 0.5}, "new": [1, 2]}
    assert list(changed_values(old, new, "filter")) == [
        "filter.gone: 1 -> None",
        "filter.lpips.low: 0.1 -> 0.12",
        "filter.new: None -> [1, 2]",
    ]


def test_every_kind_of_change_is_a_reason() -> None:
    entries = [
        {"changed deps": {"data/map": "modified", "params.yaml": {"filter": "modified"}}},
        {"changed outs": {"data/filter": "deleted"}},
        "changed command",
    ]
    found = list(reasons(entries, {"filter": {"a": 1}}, {"filter": {"a": 2}}))
    assert found == [
        "data/map modified",
        "filter.a: 1 -> 2",
        "output data/filter deleted",
        "changed command",
    ]


def test_a_new_section_is_named_as_dvc_does() -> None:
    entries = [{"changed deps": {"params.yaml": {"filter": "new"}}}]
    assert list(reasons(entries, {}, {"filter": {"a": 2}})) == ["filter new"]


def test_params_that_dvc_cannot_compare_are_named_by_file() -> None:
    entries = [{"changed deps": {"params.yaml": "new"}}]
    assert list(reasons(entries, {}, {})) == ["params.yaml new"]


def test_no_params_are_locked_before_the_first_build(tmp_path: Path) -> None:
    assert locked_params(tmp_path) == {}
