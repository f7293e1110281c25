import pytest

from applications.inspectors.vlm.answers import TASKS, Comparison, check_box, parse, say_yes_or_no
from flows.exports.chat.targets import TARGETS

PLACE = '{"bbox_2d": [1, 2, 30, 40], "label": "extra ear"}'


@pytest.mark.parametrize(
    ("task", "text", "kind"),
    [
        ("detection", '{"flawed": true}', "yes"),
        ("detection", '```json\n{"flawed": false}\n```', "no"),
        ("localisation", f"[{PLACE}]", "yes"),
        ("localisation", "[]", "no"),
        ("region", '{"explanation": "Six fingers."}', ""),
        ("overall", '{"flawed": false, "explanation": "Fine."}', "no"),
        ("pair", f'{{"flawed_picture": 2, "flaws": [{PLACE}], "explanation": ""}}', "second"),
    ],
)
def test_an_answer_of_the_form_is_parsed(task: str, text: str, kind: str) -> None:
    assert say_yes_or_no(task, parse(task, text)) == kind


@pytest.mark.parametrize(
    ("task", "text"),
    [
        ("detection", "Yes, the hand has six fingers."),
        ("detection", 'The answer: {"flawed": true}'),
        ("detection", '{"flawed": "true"}'),
        ("detection", '{"flawed": 1}'),
        ("detection", '{"flawed": true, "why": ""}'),
        ("localisation", f"[{PLACE}"),
        ("localisation", '[{"bbox_2d": [1.5, 2, 3, 4], "label": ""}]'),
        ("localisation", '{"flawed": true}'),
        ("overall", '{"flawed": true}'),
        ("pair", '{"flawed_picture": 3, "flaws": [], "explanation": ""}'),
        ("region", ""),
    ],
)
def test_anything_else_is_an_error(task: str, text: str) -> None:
    with pytest.raises(ValueError):
        parse(task, text)


def test_every_exported_task_has_a_form() -> None:
    assert set(TASKS) == {"detection", "localisation", "region", "overall", "pair"}
    assert parse("pair", '{"flawed_picture": 1, "flaws": [], "explanation": ""}') == Comparison(
        flawed_picture=1, flaws=[], explanation=""
    )


@pytest.mark.parametrize("box", [[], [0, 0, 0, 5], [0, 0, 85, 5], [-1, 0, 5, 5], [5, 5, 1, 9]])
def test_a_box_must_lie_in_the_picture(box: list[int]) -> None:
    with pytest.raises(ValueError, match="is no box inside 84 x 56"):
        check_box(box, (84, 56), TARGETS["qwen2.5-vl"])


def test_thousandths_reach_to_1000() -> None:
    check_box([0, 0, 1000, 1000], (84, 56), TARGETS["internvl"])
    check_box([0, 0, 84, 56], (84, 56), TARGETS["qwen2.5-vl"])
