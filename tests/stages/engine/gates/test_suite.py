import json
import sys
from pathlib import Path

import pytest
from toy.double.stage import DoubleParams, DoubleStage

from stages import STAGES
from stages.catalogue import load_params, stage_class
from stages.engine import codes
from stages.engine.gates.suite import COMMON, load_suite
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError, Workspace


def load(tmp_path, suite, **params):
    (tmp_path / "gate.json").write_text(json.dumps(suite))
    stage = DoubleStage(DoubleParams.model_validate(params), BaseParams())
    return [e for e in load_suite(stage, tmp_path).expectations if e.type == "own"]


def own(**kwargs):
    return {"type": "own", "kwargs": kwargs}


def test_params_are_resolved_and_recorded(tmp_path):
    bounds = {"low": {"$param": "variants"}, "high": {"$param": "gate.max_length"}}
    suite = {"manifest": [own(column="x", **bounds)]}
    (found,) = load(tmp_path, suite, variants=3, gate={"max_length": 7})
    assert found.kwargs == {"column": "x", "low": 3, "high": 7}
    assert found.params == ("double.variants", "double.gate.max_length")


def test_sets_are_resolved(tmp_path):
    suite = {"rejects": [own(value_set={"$set": "codes"}), own(value_set={"$set": "sizes"})]}
    known, sizes = (found.kwargs["value_set"] for found in load(tmp_path, suite))
    assert known == ["doubtful", "internal_error", "not_allowed", "not_fetched", "opted_out",
                     "out_of_memory", "too_long", "worker_died"]  # fmt: skip
    assert sizes == ["short", "long"]


def test_an_expectation_for_each_value_of_a_set(tmp_path):
    entry = own(column="$each words", max_value={"$param": "gate.max_length"}, at=["$each"])
    suite = {"manifest": [entry | {"each": "sizes", "meta": {"says": "too $each"}}]}
    found = load(tmp_path, suite, gate={"max_length": 7})
    assert [(e.kwargs["column"], e.kwargs["at"], e.says) for e in found] == [
        ("short words", ["short"], "too short"),
        ("long words", ["long"], "too long"),
    ]
    assert found[0].kwargs["max_value"] == 7


def test_meta_fields_are_read(tmp_path):
    meta = {"of_the_set": True, "says": "x is large", "remedy": "fix it"}
    (found,) = load(tmp_path, {"summary": [own(column="x.mean") | {"meta": meta}]})
    assert (found.of_the_set, found.says, found.remedy) == (True, "x is large", "fix it")


@pytest.mark.parametrize(
    ("suite", "message"),
    [
        ({"manifest": [own(max_value={"$param": "gate.max_lenth"})]}, "'gate.max_lenth' is not in"),
        ({"manifest": [own(max_value={"$param": "max_length"})]}, "'max_length' is not in"),
        ({"manifest": [own(value_set={"$set": "colours"})]}, "no set 'colours'; known: codes"),
        ({"manifest": [own() | {"each": "colours"}]}, "no set 'colours'; known: codes"),
        ({"manifests": [own(column="x")]}, "no table 'manifests'"),
    ],
)
def test_unknown_params_sets_and_tables_are_named(tmp_path, suite, message):
    with pytest.raises(FactoryError, match=message):
        load(tmp_path, suite)


def gate_of(name):
    stage = stage_class(name)
    folder = Path(sys.modules[stage.__module__].__file__).parent
    params = load_params(Workspace.find().root)
    return load_suite(stage(params[name], params["base"]), folder)


@pytest.mark.parametrize("name", STAGES)
def test_every_gate_knows_the_codes_that_its_stage_declares(name):
    (known,) = [
        e.kwargs["value_set"]
        for e in gate_of(name).expectations
        if e.kwargs.get("column") == "code"
    ]
    assert set(known) == set(codes.names(stage_class(name).codes))


@pytest.mark.parametrize("name", STAGES)
def test_means_and_shares_are_of_the_set_and_have_a_text(name):
    """Over a few unusual photos a mean or a share says nothing about the stage. The exception is
    the share of internal errors, of which the second one counts already."""
    for expectation in gate_of(name).expectations:
        column = expectation.kwargs.get("column") or ""
        share = column.endswith((".mean", ".rate", "_rate")) or "proportion" in expectation.type
        share = share or column == "quota"  # a share of the set, of which a row gives the state
        assert expectation.of_the_set == (share and column != "internal_error_rate"), expectation
        if any(".gate." in param for param in expectation.params):
            assert expectation.says, expectation


@pytest.mark.parametrize("name", STAGES)
def test_gates_refer_to_value_sets_instead_of_copying_them(name):
    text = (Path(COMMON).parents[2] / name / "gate.json").read_text()
    assert '"value_set": ["' not in text
