import tomllib
from pathlib import Path

import numpy as np
import pytest

from stages.engine.workspace import FactoryError
from stages.models.chat import prompts
from stages.models.explainer.intent import describe_intent
from stages.models.judge.vlm import examples
from stages.models.judge.vlm.answer import reject_code
from stages.models.judge.vlm.judge import PROMPT, VlmJudge, find_inconsistencies
from stages.records.images import read_png

ROOT = Path(__file__).parents[5]
LEDGER = examples.read_ledger()
TOOLS = ("add", "remove", "fuse")
ENTITY = {"astronaut.png": "person", "space-shuttle.png": "space shuttle"}
FACTS = {"add": {"direction": "upper left"}}
OTHER = {"fuse-pass": "left part", "fuse-fail": "nose"}


def make_variant(entry, dog_variant):
    """Make a variant with the intention of an example."""
    other = {"other_name": OTHER[entry.name], "within_entity": True} if entry.name in OTHER else {}
    return dog_variant(
        entry.tool, entity_name=ENTITY[entry.photo.file], part_name=entry.part,
        part_kind=entry.part.removeprefix("left ").removeprefix("right "),
        facts=FACTS.get(entry.tool, {}), **other,
    )  # fmt: skip


def test_every_tool_has_an_example_that_passes_and_one_that_fails():
    codes = {tool: [reject_code(e.answer) for e in LEDGER if e.tool == tool] for tool in TOOLS}
    assert set(codes) == {e.tool for e in LEDGER}
    assert all(first == "ok" and second != "ok" for first, second in codes.values())


@pytest.mark.parametrize("entry", LEDGER, ids=lambda e: e.name)
def test_the_question_and_answer_are_those_of_a_real_flaw(entry, dog_variant):
    variant = make_variant(entry, dog_variant)
    assert entry.intent == describe_intent(variant)
    assert find_inconsistencies(entry.answer, variant) == []


@pytest.mark.parametrize("entry", LEDGER, ids=lambda e: e.name)
def test_an_example_has_the_pictures_of_a_question(entry):
    example = entry.example(prompts.load(PROMPT))
    photo, flawed, marked = map(read_png, example.images)
    assert photo.shape == flawed.shape == marked.shape and max(photo.shape) <= 240
    changed = (photo != flawed).any(2)
    x0, y0, x1, y1 = entry.box
    red = (marked == (255, 0, 0)).all(2)
    assert red.any() and not red[y0:y1, x0:x1].any()
    strong = np.abs(photo.astype(int) - flawed).max(2) > 60
    assert strong[y0:y1, x0:x1].any() == entry.answer.perceptible
    assert changed.any()  # a control has passed through the model too
    assert entry.intent in example.user


@pytest.mark.parametrize("entry", LEDGER, ids=lambda e: e.name)
def test_the_photo_is_a_sample_in_the_public_domain(entry):
    path = ROOT / entry.source.partition(" (")[0]
    licences = tomllib.loads((path.parent / "LICENCES.toml").read_text())
    own = licences.get("files", {}).get(path.name, {})
    assert path.is_file()
    assert entry.licence == own.get("licence", licences.get("default", {}).get("licence"))
    assert entry.licence in ("CC0-1.0", "CC-PDM-1.0")


def test_every_picture_is_in_the_ledger():
    listed = {picture.file for e in LEDGER for picture in (e.photo, e.flawed)}
    assert listed == {path.name for path in examples.FOLDER.glob("*.png")}


def test_a_damaged_picture_is_an_error_that_names_the_remedy(tmp_path, monkeypatch):
    monkeypatch.setattr(examples, "FOLDER", tmp_path)
    with pytest.raises(FactoryError, match=r"astronaut\.png is missing or damaged: restore it"):
        LEDGER[0].photo.read()
    (tmp_path / "astronaut.png").write_bytes(b"other")
    with pytest.raises(FactoryError, match="damaged"):
        LEDGER[0].photo.read()


def test_examples_change_the_prompts_id(tmp_path):
    template = tmp_path / "verdict.md"
    template.write_bytes(PROMPT.read_bytes())
    ids = [prompts.load(template).id]
    (tmp_path / "verdict").mkdir()
    for content in (b"a", b"b"):
        prompts.load.cache_clear()
        (tmp_path / "verdict" / "one.png").write_bytes(content)
        ids.append(prompts.load(template).id)
    assert len(set(ids)) == 3
    assert VlmJudge.revision() == prompts.load(PROMPT).id


def test_select_fills_up_with_other_tools():
    names = [e.name for e in examples.select(LEDGER, "remove", 3)]
    assert names == ["remove-pass", "remove-fail", "add-pass"]
    assert [e.name for e in examples.select(LEDGER, "unknown", 2)] == ["add-pass", "add-fail"]
    assert examples.select(LEDGER, "add", 0) == []
