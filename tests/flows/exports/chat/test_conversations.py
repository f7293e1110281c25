import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from flows.exports.chat.conversations import IMAGE, load_questions, make_conversations
from flows.exports.chat.targets import TARGETS, read_box
from flows.exports.options import Options
from flows.exports.samples import read_samples
from stages.engine.workspace import FactoryError

TASKS = ("detection", "localisation", "region", "overall", "pair")


def conversations(published: Path, **options):
    wanted = Options(**{"target": "qwen2.5-vl"} | options)
    return list(make_conversations(read_samples(published, wanted), wanted))


def overlap(a, b, size):
    """Draw two boxes on a picture and return their IoU."""
    drawn = np.zeros((2, size[1], size[0]), bool)
    for plane, (x0, y0, x1, y1) in zip(drawn, (a, b), strict=True):
        plane[y0:y1, x0:x1] = True
    return (drawn[0] & drawn[1]).sum() / (drawn[0] | drawn[1]).sum()


@pytest.mark.parametrize("target", TARGETS)
def test_a_written_box_drawn_on_the_resized_picture_is_the_flaws(
    target: str, published: Path
) -> None:
    truth = {s.record.pair: s.record for s in read_samples(published, Options())}
    seen = 0
    for conversation in conversations(published, target=target):
        if conversation.task != "localisation":
            continue
        (picture,) = conversation.pictures
        record = truth[conversation.record.pair]
        sides = picture.size[0] / record.width, picture.size[1] / record.height
        answers = json.loads(conversation.text)
        assert bool(answers) == bool(picture.regions)
        for answer, flaw in zip(answers, record.flaws, strict=False):
            box = read_box(answer["bbox_2d"], picture.size, TARGETS[target])
            exact = tuple(round(side * sides[i % 2]) for i, side in enumerate(flaw.mask_box))
            assert overlap(box, exact, picture.size) >= 0.98
            assert answer["label"] == flaw.label
            seen += 1
    assert seen == sum(len(record.flaws) for record in truth.values())


def test_every_task_is_there_and_yes_and_no_are_balanced(published: Path) -> None:
    found = Counter((c.task, any(p.regions for p in c.pictures)) for c in conversations(published))
    assert {task for task, _ in found} == set(TASKS)
    for task in ("detection", "localisation", "overall"):
        assert found[task, True] == found[task, False] > 0
    assert found["region", True] > found["pair", True]


def test_a_question_has_a_placeholder_for_each_picture_and_its_format(published: Path) -> None:
    templates = load_questions()
    for conversation in conversations(published):
        assert conversation.question.count(IMAGE) == len(conversation.pictures)
        assert conversation.question.endswith(templates[conversation.task]["format"])
        assert "{region}" not in conversation.question


def test_the_flawed_picture_of_a_pair_is_at_either_place(published: Path) -> None:
    places = {c.answer["flawed_picture"] for c in conversations(published) if c.task == "pair"}
    for c in conversations(published):
        if c.task == "pair":
            assert c.pictures[c.answer["flawed_picture"] - 1].regions
    assert places == {1, 2}


def test_clean_pictures_are_photos_and_controls(published: Path) -> None:
    def kinds(**options):
        found = conversations(published, **options)
        return {p.kind for c in found for p in c.pictures if not p.regions}

    assert kinds() == {"real", "control"}
    assert kinds(control=False) == {"real"}
    clean = [c.pictures[0].name for c in conversations(published)
             if c.task == "detection" and not c.pictures[0].regions]  # fmt: skip
    assert len(set(clean)) == len(clean)


@pytest.mark.parametrize("control", [True, False])
def test_every_conversation_has_a_name_of_its_own(control: bool, published: Path) -> None:
    found = [c.id for c in conversations(published, control=control)]
    assert len(set(found)) == len(found)


def test_a_conversation_does_not_depend_on_the_others(published: Path) -> None:
    every = {c.id: (c.question, c.text) for c in conversations(published)}
    some = {c.id: (c.question, c.text) for c in conversations(published, splits=("train",))}
    assert some == {name: every[name] for name in some}


@pytest.mark.parametrize("target", ["", "gpt"])
def test_an_unknown_target_is_an_error(target: str, published: Path) -> None:
    with pytest.raises(FactoryError, match=r"--target, one of qwen2\.5-vl"):
        conversations(published, target=target)
