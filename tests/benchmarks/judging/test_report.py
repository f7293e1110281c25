from benchmarks.judging import __main__ as main
from benchmarks.judging.scores import Row
from benchmarks.judging.verdicts import Look
from stages.filter.params import FilterParams
from stages.models.judge.features.judge import FeatureThresholds
from stages.models.judge.features.logistic import Coefficient, Model

MODEL = Model(
    intercept=0.0,
    tools=dict.fromkeys(("add", "remove", "distort", "fuse"), 0.0),
    coefficients=[Coefficient(measure="lpips_real", mean=0.3, spread=0.1, weight=1.0)],
    provenance={},
)
GOOD = {
    "lpips_real": 0.4, "lpips_control": 0.4, "lpips_mask": 0.4, "inside": 1.0, "delivered": 1.0,
    "agreement": 1.0,
}  # fmt: skip


def row(name="a-v0", tool="add", edit="flaw", **scores):
    return Row(
        name=name, tool=tool, edit=edit, kernel="k", part="p", positional=False, sha256="",
        scores={**GOOD, **scores},
    )  # fmt: skip


def looked(name, seen):
    return Look(name=name, id=1, perceptible=seen, inside=True, intended=True, plausible="yes")


def test_the_decider_is_the_filter():
    decider = main.Decider(FilterParams(features=FeatureThresholds(probability=0.5)), MODEL)
    assert decider.reason(row()) == "ok"
    assert decider.reason(row(lpips_real=0.2)) == "not_convincing"
    assert decider.reason(row(agreement=0.0)) == "not_intended"
    assert decider.reason(row(tool="distort", lpips_real=0.6)) == "too_strong"
    only_bounds = row(edit="control", lpips_control=0.0)
    assert decider.reason(only_bounds) == "not_perceptible"


def test_precision_and_recall_are_counted_by_tool_and_for_all():
    rows = [row("a"), row("b"), row("c", lpips_real=0.1), row("d", tool="fuse", lpips_real=0.1)]
    right = {"a": True, "b": False, "c": True, "d": False}
    found = main.quality(rows, right, lambda r: r.scores["lpips_real"] > 0.2)
    cells = {line[0]: line[1:] for line in found}
    assert cells["add"][:3] == ["3", "2", "2"]
    assert cells["add"][3].startswith("50% (") and cells["add"][4].startswith("50% (")
    assert cells["fuse"] == ["1", "0", "0", "none", "none"]
    assert cells["all"][:3] == ["4", "2", "2"]


def test_results_without_a_verdict_do_not_count():
    assert main.quality([row("a"), row("b")], {"a": True}, lambda r: True)[-1][1] == "1"


def test_the_interval_is_wilsons():
    assert main.share(9, 10) == "90% (60% to 98%)"


def test_null_edits_are_counted_by_kind():
    rows = [row(edit="control", lpips_real=0.0), row(edit="blurred"), row(edit="blurred")]
    found = main.nulls(rows, lambda r: r.scores["lpips_real"] > 0)
    assert [line[:2] for line in found] == [["blurred", "2"], ["control", "1"], ["all", "3"]]
    assert found[0][2].startswith("100%") and found[1][2].startswith("0%")


def test_agreement_beyond_chance():
    first = {name: looked(name, seen) for name, seen in zip("abcd", (1, 1, 0, 0), strict=True)}
    second = {name: looked(name, seen) for name, seen in zip("abcd", (1, 0, 0, 0), strict=True)}
    ((pair, both, same, kappa),) = main.agreement({"a": first, "b": second})
    assert (pair, both, kappa) == ("a, b", "4", "0.50") and same.startswith("75%")
    assert main.agreement({"a": first, "b": {}}) == []
