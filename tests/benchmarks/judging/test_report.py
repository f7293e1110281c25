from benchmarks.judging import __main__ as main
from benchmarks.judging.scores import Row
from benchmarks.judging.verdicts import Verdict
from stages.filter.params import Bounds
from stages.models.judge.features.logistic import Coefficient, Model
from stages.models.judge.features.params import FeatureThresholds

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


def make_row(name="a-v0", tool="add", edit="flaw", **scores):
    return Row(
        name=name, tool=tool, edit=edit, kernel="k", part="p", positional=False, sha256="",
        scores={**GOOD, **scores},
    )  # fmt: skip


def make_verdict(name, perceptible):
    return Verdict(
        name=name, id=1, perceptible=perceptible, inside=True, intended=True, plausible="yes"
    )


def test_decider_decides_as_the_filter():
    decider = main.Decider(Bounds(), FeatureThresholds(probability=0.5), MODEL)
    assert decider.reason(make_row()) == "ok"
    assert decider.reason(make_row(lpips_real=0.2)) == "not_convincing"
    assert decider.reason(make_row(agreement=0.0)) == "not_intended"
    assert decider.reason(make_row(tool="distort", lpips_real=0.6)) == "too_strong"
    only_bounds = make_row(edit="control", lpips_control=0.0)
    assert decider.reason(only_bounds) == "not_perceptible"


def test_precision_and_recall_are_counted_by_tool_and_for_all():
    rows = [
        make_row("a"),
        make_row("b"),
        make_row("c", lpips_real=0.1),
        make_row("d", tool="fuse", lpips_real=0.1),
    ]
    right = {"a": True, "b": False, "c": True, "d": False}
    found = main.tabulate_quality(rows, right, lambda r: r.scores["lpips_real"] > 0.2)
    cells = {line[0]: line[1:] for line in found}
    assert cells["add"][:3] == ["3", "2", "2"]
    assert cells["add"][3].startswith("50% (") and cells["add"][4].startswith("50% (")
    assert cells["fuse"] == ["1", "0", "0", "none", "none"]
    assert cells["all"][:3] == ["4", "2", "2"]


def test_results_without_verdict_are_not_counted():
    assert (
        main.tabulate_quality([make_row("a"), make_row("b")], {"a": True}, lambda r: True)[-1][1]
        == "1"
    )


def test_null_edits_are_counted_by_kind():
    rows = [
        make_row(edit="control", lpips_real=0.0),
        make_row(edit="blurred"),
        make_row(edit="blurred"),
    ]
    found = main.tabulate_nulls(rows, lambda r: r.scores["lpips_real"] > 0)
    assert [line[:2] for line in found] == [["blurred", "2"], ["control", "1"], ["all", "3"]]
    assert found[0][2].startswith("100%") and found[1][2].startswith("0%")


def test_agreement_is_corrected_for_chance():
    first, second = (
        {name: make_verdict(name, seen) for name, seen in zip("abcd", answers, strict=True)}
        for answers in ((1, 1, 0, 0), (1, 0, 0, 0))
    )
    ((pair, both, same, kappa),) = main.tabulate_agreement({"a": first, "b": second})
    assert (pair, both, kappa) == ("a, b", "4", "0.50") and same.startswith("75%")
    assert main.tabulate_agreement({"a": first, "b": {}}) == []
