import pytest
from findings import example, rows_of

from applications.evaluation.released.summary import summarise
from applications.protocols import Finding, Region
from stages.engine.stage import RejectPhoto
from stages.models.chat.codes import AskCode

BOX = (0, 0, 10, 10)
YES = Finding(1, (Region(BOX),), text="a hand")
ROWS = (
    (example("a", "flawed", BOX, text="a hand"), YES),
    (example("b", "flawed", BOX, text=""), Finding(0, text="a hand")),
    (example("c", "clean", text="a hand"), Finding(0, text="a hand")),
    (example("d", "clean"), YES),
)


def test_clean_pictures_without_an_answer_enter_one_mean_as_zero():
    found = summarise(rows_of(*ROWS), "artibench", None)
    assert found["accuracy"] == 0.5
    assert found["F1"] == found["macro F1"] == 0.5
    assert found["box IoU (flawed only)"] == 0.5
    assert found["box IoU (eval.py)"] == pytest.approx(1 / 3)
    assert found["pixel IoU"] == 0.5


def test_texts_count_on_every_picture_whatever_was_said():
    found = summarise(rows_of(*ROWS), "artibench", None)
    assert found["ROUGE-L (eval.py)"] == 0.5
    assert found["ROUGE-L (flawed only)"] == 0.5


@pytest.mark.parametrize("form", ["loki", "richhf", "synthscars"])
def test_three_sets_are_all_flawed(form):
    found = summarise(rows_of(*ROWS), form, None)
    assert found["accuracy"] == 0.5
    assert found["F1"] == pytest.approx(2 * 2 / (4 + 2))
    assert found["box IoU (flawed only)"] == found["box IoU (eval.py)"] == 0.25


def test_prose_is_read_as_the_released_parser_does():
    prose = RejectPhoto(AskCode.UNUSABLE, "no JSON", answers=["Yes, a hand."])
    found = summarise(rows_of((example("a", "flawed", BOX), prose)), "artibench", None)
    assert (found["accuracy"], found["box IoU (flawed only)"]) == (1, 0)
