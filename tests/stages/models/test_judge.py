import numpy as np
import pytest

from stages.engine.record import Variant, Window
from stages.models.judge import FeatureJudge, FeatureThresholds, movement
from stages.models.protocols import Case

ROWS = COLUMNS = 4


def features(seed: int = 0):
    return np.random.default_rng(seed).normal(size=(ROWS, COLUMNS, 8)).astype(np.float32)


def moved(control, targets, references):
    out = control.reshape(-1, 8).copy()
    out[targets] = out[references]
    return out.reshape(control.shape)


def test_appearance_that_follows_the_mapping_rises():
    control = features()
    found = movement(moved(control, [0, 1], [10, 11]), control, [0, 1], [10, 11])
    assert found.rise > 0.5 and found.gone > 0.5 and found.moved == 1


def test_nothing_moved_is_zero():
    control = features()
    found = movement(control, control, [0, 1], [10, 11])
    assert (found.rise, found.moved) == (0, 0)
    assert found.gone == pytest.approx(0, abs=1e-5)


def test_appearance_from_elsewhere_goes_without_rising():
    control = features()
    found = movement(moved(control, [0, 1, 2, 3], [4, 5, 6, 7]), control, [0, 1, 2, 3], [12] * 4)
    assert found.gone > 0.5 and found.rise < 0.3


def test_scale_and_offset_of_a_channel_do_not_matter():
    control = features()
    artifact = moved(control, [0, 1], [10, 11])
    scale, offset = np.arange(1, 9, dtype=np.float32), np.full(8, 50, np.float32)
    plain = movement(artifact, control, [0, 1], [10, 11])
    other = movement(artifact * scale + offset, control * scale + offset, [0, 1], [10, 11])
    assert other.rise == pytest.approx(plain.rise, abs=0.02)


class Given:
    """Features that were told beforehand: the window's first pixel says which."""

    def __init__(self, *found):
        self.found = found

    def tokens(self, window):
        return self.found[int(window[0, 0, 0])]


def judged(tool, artifact, control, targets, references, mask=None, **thresholds):
    window = Window(id="w0", box=(0, 0, 64, 64), size=(64, 64), parts=[])
    variant = Variant(
        id="v0", window="w0", tool=tool, kernel="k", entity="e0", entity_name="n", part="p",
        part_name="p", part_kind="p", positional=False, seed=0, targets=targets,
        references=references,
    )  # fmt: skip
    picture = np.zeros((64, 64, 3), np.uint8)
    if mask is None:
        mask = np.zeros((64, 64), bool)
        mask[:16, :32] = True
    judge = FeatureJudge.__new__(FeatureJudge)
    judge.thresholds = FeatureThresholds(**thresholds)
    judge.features = Given(control, artifact)
    case = Case(picture, picture, picture, mask, window, picture, picture + 1, variant)
    return judge.judge(case)


def test_the_intended_change_passes_with_all_scores():
    control = features()
    verdict = judged("add", moved(control, [0, 1], [10, 11]), control, [0, 1], [10, 11])
    assert (verdict.passed, verdict.reason, verdict.judge) == (True, "ok", "features")
    assert verdict.scores.keys() == {"rise", "gone", "moved", "inside"}
    assert verdict.scores["inside"] == 1


def test_change_outside_the_targets_is_the_wrong_place():
    control = features()
    mask = np.zeros((64, 64), bool)
    mask[32:, :] = True
    artifact = moved(control, [0, 1], [10, 11])
    verdict = judged("add", artifact, control, [0, 1], [10, 11], mask)
    assert (verdict.passed, verdict.reason) == (False, "wrong_place")


def test_no_movement_is_not_what_was_intended():
    verdict = judged("add", features(), features(), [0, 1], [10, 11])
    assert verdict.reason == "not_intended"


def test_too_few_targets_that_moved_are_refused():
    control = features()
    artifact = moved(control, [0], [10])
    verdict = judged("fuse", artifact, control, [0, 1, 2], [10, 11, 9])
    assert verdict.reason == "not_intended" and "33%" in verdict.message


def test_a_part_that_stays_is_not_removed():
    control = features()
    artifact = moved(control, [0, 1], [10, 11])
    verdict = judged("remove", artifact, control, [0, 1], [10, 11], gone=1.99)
    assert verdict.reason == "not_intended" and "still there" in verdict.message
