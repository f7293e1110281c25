import numpy as np
import pytest
from findings import example, heat, rows_of

from applications.evaluation.scores import Scorer, Settings, score_by
from applications.protocols import Finding, Region, Thresholds
from stages.engine.stage import RejectPhoto
from stages.models.chat.codes import AskCode

SETTINGS = Settings(resamples=200)
PROSE = RejectPhoto(AskCode.UNUSABLE, "prose", answers=["It looks fine."])


def scorer(*pairs, thresholds=None, embedder=None):
    return Scorer(rows_of(*pairs), thresholds or Thresholds(), SETTINGS, embedder)


def values(scores):
    return {name: score.value for name, score in scores.items()}


def test_detection_by_hand():
    found = scorer(
        (example("a"), Finding(0.9)),
        (example("b"), Finding(0.8)),
        (example("c"), Finding(0.4)),
        (example("d", "clean"), Finding(0.6)),
        (example("e", "clean"), Finding(0.1)),
    ).detection()
    assert values(found) == pytest.approx(
        {
            "accuracy": 3 / 5,
            "balanced accuracy": (2 / 3 + 1 / 2) / 2,
            "F1": 4 / 6,
            "AUROC": 5 / 6,
            "yes-rate": 3 / 5,
            "ECE": (0.1 + 0.2 + 0.6 + 0.6 + 0.1) / 5,
            "failures": 0,
            # At 0.7: two of three flawed and both clean are right; at 0.25 all but one clean.
            "balanced accuracy (oracle threshold)": 5 / 6,
            "F1 (oracle threshold)": 4 / 5,
        }
    )
    assert found["accuracy"].pictures == 5
    assert found["accuracy"].low < 3 / 5 < found["accuracy"].high


def test_a_failure_is_wrong_about_either_class():
    found = scorer(
        (example("a"), PROSE),
        (example("b"), Finding(0.9)),
        (example("c", "clean"), PROSE),
        (example("d", "clean"), Finding(0.1)),
    )
    detection = values(found.detection())
    assert detection["accuracy"] == detection["balanced accuracy"] == 0.5
    assert detection["F1"] == pytest.approx(2 / 4)
    assert (detection["failures"], detection["yes-rate"]) == (0.5, 0.5)
    assert detection["AUROC"] == pytest.approx(1 / 4)
    assert values(found.false_alarms()["generated"])["false-alarm rate"] == 0.5


@pytest.mark.parametrize(
    ("label", "undefined"), [("flawed", ["balanced accuracy", "AUROC"]), ("clean", ["F1", "AUROC"])]
)
def test_one_class_is_undefined_and_not_zero(label, undefined):
    found = scorer((example("a", label), Finding(0.9)), (example("b", label), Finding(0.2)))
    missing = "clean" if label == "flawed" else "flawed"
    for name in undefined:
        assert found.detection()[name].value is None
        assert found.detection()[name].why == f"undefined: no {missing} picture"
    assert found.detection()["accuracy"].value == 0.5


def test_localisation_by_hand():
    found = values(
        scorer(
            # 5 x 10 of 10 x 10 pixels: IoU 50 / 100; the rest of the picture 100 / 150.
            (example("a", "flawed", (0, 0, 10, 10)), Finding(1, (Region((0, 0, 5, 10)),))),
            (example("b", "flawed", (0, 0, 10, 10), (10, 0, 14, 5)), Finding(0)),
            (example("c", "flawed"), Finding(1, (Region((0, 0, 5, 10)),))),
            (example("d", "clean"), Finding(1, (Region((0, 0, 5, 10)), Region((0, 0, 1, 1))))),
        ).localisation()
    )
    assert found["IoU"] == pytest.approx((0.5 + 0) / 2)
    assert found["IoU pooled"] == pytest.approx(50 / (100 + 120))
    assert found["fg-bg mean IoU (LEGION)"] == pytest.approx(
        ((0.5 + 100 / 150) / 2 + (0 + 80 / 200) / 2) / 2
    )
    assert found["box F1"] == pytest.approx(2 * 1 / (1 + 3))
    assert found["box recall"] == pytest.approx(1 / 3)


def test_a_mask_takes_the_place_of_filled_boxes():
    finding = Finding(1, (Region((10, 0, 20, 10)),), mask=heat((0, 0, 10, 10), 0.7))
    rows = (example("a", "flawed", (0, 0, 10, 10)), finding)
    assert values(scorer(rows).localisation())["IoU"] == 1
    high = Thresholds(pixel=0.8)
    found = values(scorer(rows, thresholds=high).localisation())
    assert (found["IoU"], found["IoU (oracle threshold)"]) == (0, 1)


@pytest.mark.parametrize("value", [float("nan"), -0.1, 1.1])
def test_a_mask_is_a_probability(value):
    with pytest.raises(ValueError, match="a mask with values outside"):
        rows_of((example("a"), Finding(1, mask=heat((0, 0, 1, 1), value))))


def test_a_mask_is_as_large_as_its_picture():
    with pytest.raises(ValueError, match="a mask of shape"):
        rows_of((example("a"), Finding(1, mask=heat((0, 0, 1, 1), size=(10, 10)))))


def test_regions_below_their_threshold_do_not_count():
    finding = Finding(1, (Region((0, 0, 10, 10), 0.4), Region((0, 0, 20, 10), 0.9)))
    rows = ((example("a", "flawed", (0, 0, 10, 10)), finding), (example("b", "clean"), finding))
    found = scorer(*rows)
    # Half of the picture is flawed: the larger box still matches it at an IoU of 0.5.
    assert values(found.localisation())["box F1"] == 1
    assert values(found.false_alarms()["generated"])["false boxes per picture"] == 1
    low = scorer(*rows, thresholds=Thresholds(region=0.1))
    assert values(low.localisation())["box F1"] == pytest.approx(2 / 3)


def test_false_alarms_by_role():
    box = (Region((0, 0, 5, 5)), Region((5, 5, 9, 9)))
    found = scorer(
        (example("a", "clean", role="real"), Finding(0.9, box)),
        (example("b", "clean", role="real"), Finding(0.1)),
        (example("c", "clean", role="control"), Finding(0.2, box[:1])),
        (example("d", "clean", role="generated"), Finding(0.2)),
        (example("e", "flawed", role="artifact"), Finding(0.9)),
    ).false_alarms()
    assert list(found) == ["real", "control", "generated"]
    assert values(found["real"]) == {
        "false-alarm rate": 0.5,
        "false boxes per picture": 1,
        "pictures with a false box": 0.5,
    }
    assert values(found["control"])["false-alarm rate"] == 0
    assert values(found["control"])["false boxes per picture"] == 1


def test_roles_are_told_apart():
    found = scorer(
        (example("a", "clean", role="real"), Finding(0.2)),
        (example("b", "clean", role="control"), Finding(0.6)),
        (example("c", "flawed", role="artifact"), Finding(0.6)),
    ).contrasts()
    assert values(found) == {
        "artifact against real": 1,
        "artifact against control": 0.5,
        "control against real": 1,
    }


class Letters:
    name = "letters"

    def embed(self, texts):
        return np.eye(26, dtype=np.float32)[[ord(text[0]) - ord("a") for text in texts]]


def test_explanations_of_missed_flaws_get_nothing():
    found = scorer(
        (example("a", text="a hand"), Finding(0.9, text="a hand")),
        (example("b", text="a hand"), Finding(0.1, text="a hand")),
        (example("c", text="a hand"), Finding(0.9, text=" ")),
        (example("d", text="a hand"), PROSE),
        (example("e"), Finding(0.9, text="a hand")),
        (example("f", "clean", text="no flaw"), Finding(0.9, text="a hand")),
        embedder=Letters(),
    ).texts()
    assert values(found) == {"ROUGE-L": 0.25, "CSS (letters)": 0.25}
    assert found["ROUGE-L"].pictures == 4


def test_by_a_fact_each_value_meets_the_clean_pictures():
    rows = rows_of(
        (example("a", facts={"tool": "add"}), Finding(0.9)),
        (example("b", facts={"tool": "fuse"}), Finding(0.3)),
        (example("c", "clean", role="control", facts={"tool": "add"}), Finding(0.5)),
        (example("d", "clean", role="real"), Finding(0.4)),
    )
    found = score_by(rows, "tool", Thresholds(), SETTINGS)
    assert values(found["add"])["AUROC"] == 1
    assert values(found["add"])["recall"] == 1
    assert (values(found["fuse"])["AUROC"], values(found["fuse"])["recall"]) == (0, 0)
    assert found["fuse"]["AUROC"].pictures == 2  # the control belongs to the other tool
