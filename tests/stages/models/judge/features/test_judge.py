import numpy as np
import pytest

from stages.models.judge.features.judge import FeatureJudge, decide, projection
from stages.models.judge.features.logistic import Coefficient, Model
from stages.models.judge.features.params import FeatureThresholds
from stages.models.judge.features.patches import copy_patches
from stages.models.judge.features.texture import BLOCKS
from stages.models.protocols import Case
from stages.records.documents import Variant, Window
from stages.tools import TOOLS

TARGETS, REFERENCES = [0, 1, 4], [10, 11, 14]


@pytest.fixture
def control():
    return np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)


def test_projection_returns_share_and_cosine():
    change = np.array([[3.0, 4.0]], np.float32)
    assert projection(0.25 * change, change) == pytest.approx((0.25, 1))
    assert projection(-change, change) == pytest.approx((-1, -1))
    assert projection(change, np.array([[4.0, -3.0]], np.float32)) == pytest.approx((0, 0))
    assert projection(change, np.array([[3.0, 0.0]], np.float32)) == pytest.approx((1, 0.6))
    assert projection(change, 0 * change) == projection(0 * change, change) == (0, 0)


class PatchColours:
    """Replaces the network: mean and standard deviation of each patch."""

    def layers(self, window, blocks):
        return [self._of(window)] * len(blocks)

    def tokens(self, window):
        return np.concatenate([self._of(window)] * len(BLOCKS), axis=2)

    def _of(self, window):
        patches = window.reshape(4, 16, 4, 16, 3).swapaxes(1, 2).reshape(4, 4, 256, 3)
        return np.concatenate([patches.mean(2), patches.std(2)], -1).astype(np.float32)


MODEL = Model(
    intercept=1.0,
    tools=dict.fromkeys(TOOLS, 0.0),
    coefficients=[
        Coefficient(measure="lpips_real", mean=0.2, spread=0.1, weight=1.0),
        Coefficient(measure="sharpness", mean=0.0, spread=1.0, weight=1.0),
    ],
    provenance={},
)


def judge_case(artifact, control, tool="add", mask=None, lpips=0.2, **thresholds):
    window = Window(id="w0", box=(0, 0, 64, 64), size=(64, 64), parts=[])
    variant = Variant(
        id="v0", window="w0", tool=tool, kernel="k", entity="e0", entity_name="n", part="p",
        part_name="p", part_kind="p", positional=False, seed=0, targets=TARGETS,
        references=REFERENCES,
    )  # fmt: skip
    if mask is None:
        mask = (artifact != control).any(2)
    judge = FeatureJudge.__new__(FeatureJudge)
    values = {
        "probability": 0.5,
        "agreement": 0.25,
        **thresholds,
    }  # patches of noise do not blend well
    judge.thresholds, judge.features = FeatureThresholds(**values), PatchColours()
    judge.model = MODEL
    measured = {"lpips_real": lpips}
    case = Case(control, control, artifact, mask, window, control, artifact, variant, measured)
    return judge.judge(case)


@pytest.mark.parametrize("tool", ["add", "remove", "distort", "fuse"])
def test_the_intended_change_passes_with_all_scores(control, tool):
    verdict = judge_case(copy_patches(control, TARGETS, REFERENCES), control, tool)
    assert (verdict.passed, verdict.reason, verdict.judge) == (True, "ok", "features")
    assert verdict.tool == tool
    for name in ("delivered", "agreement", "delivered_colour", "delivered_texture", "inside"):
        assert verdict.scores[name] == pytest.approx(1)
    assert verdict.scores["probability"] == pytest.approx(1 / (1 + np.exp(-1)), abs=1e-3)
    assert {"texture", "seam", "size", "rise"} <= verdict.scores.keys()


def test_a_blended_change_passes_and_a_trace_does_not(control):
    goal = copy_patches(control, TARGETS, REFERENCES).astype(float)
    half = (control + 0.5 * (goal - control)).astype(np.uint8)
    assert judge_case(half, control).passed
    trace = (control + 0.1 * (goal - control)).astype(np.uint8)
    verdict = judge_case(trace, control)
    assert verdict.reason == "not_intended" and "delivered" in verdict.message


def test_no_change_and_noise_are_not_intended(control):
    noise = np.random.default_rng(5).normal(0, 25, control.shape)
    noisy = np.clip(control + noise, 0, 255).astype(np.uint8)
    everywhere = np.ones((64, 64), bool)
    assert judge_case(control, control, mask=everywhere, inside=0).reason == "not_intended"
    assert judge_case(noisy, control, mask=everywhere, inside=0).reason == "not_intended"


def test_the_change_of_another_mapping_is_not_intended(control):
    other = copy_patches(control, TARGETS, [7, 2, 9])
    verdict = judge_case(other, control, delivered=0.6)
    assert verdict.reason == "not_intended" and "0.6 is required" in verdict.message


def test_change_outside_the_targets_is_the_wrong_place(control):
    mask = np.zeros((64, 64), bool)
    mask[32:, :] = True
    verdict = judge_case(copy_patches(control, TARGETS, REFERENCES), control, mask=mask)
    assert (verdict.passed, verdict.reason) == (False, "wrong_place")


def test_an_unconvincing_flaw_is_rejected_with_its_probability(control):
    goal = copy_patches(control, TARGETS, REFERENCES)
    weak = judge_case(goal, control, lpips=0.01, probability=0.4)
    assert (weak.passed, weak.reason) == (False, "not_convincing")
    assert weak.scores["probability"] < 0.4 and "at least 40% is required" in weak.message
    assert judge_case(goal, control, lpips=0.3, probability=0.4).passed


def test_reasons_are_given_in_order_of_severity():
    bad = {"inside": 0.1, "delivered": 0.1, "agreement": 0.1, "probability": 0.1}
    thresholds = FeatureThresholds()
    found = []
    for name in ("inside", "delivered", "agreement", "probability"):
        found.append(decide(bad, thresholds)[0])
        bad[name] = 1.0
    assert found == ["wrong_place", "not_intended", "not_intended", "not_convincing"]
    assert decide(bad, thresholds)[0] == "ok"


def test_the_revision_changes_with_the_coefficients(monkeypatch, tmp_path):
    before = FeatureJudge.revision()
    other = tmp_path / "coefficients.json"
    other.write_text("{}")
    monkeypatch.setattr("stages.models.judge.features.logistic.COEFFICIENTS", other)
    assert FeatureJudge.revision() != before
