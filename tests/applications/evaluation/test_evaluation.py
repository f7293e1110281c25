import json
from pathlib import Path

import numpy as np
import pytest
from findings import Scripted, example, heat
from PIL import Image

from applications.evaluation.evaluation import Plan, choose_thresholds, evaluate
from applications.evaluation.example import Example, LabelledSet, Problem
from applications.evaluation.page import find_worst, write_page
from applications.evaluation.report import list_lines, list_tables, to_json, to_markdown
from applications.evaluation.scores import Settings
from applications.evaluation.sets import OpenSet
from applications.inspectors import BASELINES, load_inspector
from applications.protocols import Finding, Region, Thresholds
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import FactoryError
from stages.models.chat.codes import AskCode

PLAN = Plan(Settings(resamples=20))
BOX = (0, 0, 10, 10)
HOSTILE = "<script>alert(1)</script>"
PROSE = RejectPhoto(AskCode.UNUSABLE, "no JSON", answers=[f"Well, {HOSTILE}"])
ANSWERS = {
    0: Finding(0.9, (Region((10, 0, 20, 10)),), text=HOSTILE),
    1: Finding(0.2),
    2: Finding(0.8, (Region(BOX),)),
    3: PROSE,
}


def opened(*examples, problems=(), path="set"):
    return OpenSet(Path(path), "lookers", "", LabelledSet(tuple(examples), tuple(problems)))


@pytest.fixture
def inspector():
    return Scripted(ANSWERS)


@pytest.fixture
def evaluation(inspector):
    held = opened(
        example("misplaced", "flawed", BOX, red=0, text="a hand", facts={"severity": "1"}),
        example(HOSTILE, "flawed", BOX, red=1, text="a foot", facts={"severity": "2"}),
        example("alarm", "clean", red=2),
        example("prose", "clean", red=3),
        example("unsure", "unknown", red=2),
        problems=[Problem("missing picture", "gone.png")],
    )
    plan = Plan(Settings(resamples=20), fact="severity", with_released=True)
    return evaluate(held, {"scripted": inspector}, plan)


def test_the_baselines_are_always_there(evaluation):
    assert list(evaluation.results) == ["scripted", *BASELINES]
    assert all(len(rows) == 4 for rows in evaluation.rows.values())


def test_a_baseline_alone_has_the_others_beside_it():
    held = opened(example("a", "flawed", BOX), example("b", "clean"))
    found = evaluate(held, {"never": load_inspector("never")}, PLAN)
    assert sorted(found.results) == sorted(BASELINES)
    assert next(iter(found.results)) == "never"


def test_the_tables_have_every_inspector_and_say_what_was_left_out(evaluation):
    lines = "\n".join(list_lines(evaluation))
    assert "4 pictures (2 flawed, 2 clean; 4 generated)" in lines
    assert "1 pictures of unknown label are left out" in lines
    assert "scripted gave no finding about 1 pictures: 1 unusable_answer" in lines
    assert "not used: 1 missing picture" in lines
    tables = {table.title: table for table in list_tables(evaluation) if table.rows}
    assert list(tables) == [
        "detection", "false alarms on clean pictures", "localisation", "explanations",
        "by severity", "as the released evaluators of ArtiAgent define it",
    ]  # fmt: skip
    for table in tables.values():
        assert table.head == ["", "scripted", *BASELINES]
        assert all(len(row) == 6 for row in table.rows)
    detection = {row[0]: row[1] for row in tables["detection"].rows}
    assert detection["accuracy"].startswith("0.250 (")


def test_json_has_every_score_problem_and_finding(evaluation):
    found = json.loads(json.dumps(to_json(evaluation), allow_nan=False))
    assert found["set"]["labels"] == {"flawed": 2, "clean": 2}
    assert found["set"]["unknown"] == 1
    assert found["problems"] == [{"kind": "missing picture", "where": "gone.png", "message": ""}]
    scripted = found["inspectors"]["scripted"]
    assert scripted["detection"]["accuracy"]["value"] == 0.25
    assert scripted["false_alarms"]["generated"]["false-alarm rate"]["value"] == 1
    assert scripted["by"]["2"]["recall"]["value"] == 0
    assert set(scripted["released"]) >= {"accuracy", "pixel mIoU", "ROUGE-L (eval.py)"}
    assert list(found["pictures"]) == ["scripted"]
    assert found["pictures"]["scripted"][0]["boxes"] == [[10, 0, 20, 10]]
    assert found["pictures"]["scripted"][3]["failure"]["code"] == "unusable_answer"


def test_an_undefined_score_is_said_in_tables_and_json(inspector):
    found = evaluate(opened(example("a", "flawed", BOX)), {"scripted": inspector}, PLAN)
    assert "AUROC: undefined: no clean picture" in list(list_lines(found))
    score = to_json(found)["inspectors"]["scripted"]["detection"]["AUROC"]
    assert (score["value"], score["why"]) == (None, "undefined: no clean picture")
    assert any("always-yes is perfect here" in note for note in found.notes)
    assert "| AUROC | undefined |" in to_markdown(found)


def test_an_unknown_fact_is_an_error(inspector):
    with pytest.raises(FactoryError, match="has a 'tool': it has generator"):
        evaluate(
            opened(example("a", facts={"generator": "g"})),
            {"scripted": inspector},
            Plan(fact="tool"),
        )


def test_a_set_of_unreadable_pictures_is_an_error(inspector):
    broken = Example("a", lambda: b"x", "clean", "real")
    with pytest.raises(FactoryError, match="none of 1 pictures can be used"):
        evaluate(opened(broken), {"scripted": inspector}, PLAN)


def test_thresholds_are_chosen_elsewhere(inspector):
    validation = opened(
        example("v", "flawed", red=2), example("w", "clean", red=1), path="validation"
    )
    test = opened(example("a", "flawed", red=0), example("b", "clean", red=1))
    chosen = choose_thresholds({"scripted": inspector}, validation, test, PLAN)
    found = evaluate(test, {"scripted": inspector}, PLAN, ("held out", chosen))
    assert found.results["scripted"].chosen_on == "held out"
    assert found.results["scripted"].thresholds == chosen["scripted"]
    assert found.results["never"].chosen_on == ""
    assert found.results["never"].thresholds == Thresholds()
    assert any("chosen on held out" in line for line in list_lines(found))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (opened(example("a")), opened(example("a"))),
        (opened(example("a", photo="p"), path="x"), opened(example("b", photo="p"), path="y")),
    ],
)
def test_thresholds_are_not_chosen_on_what_is_evaluated(inspector, one, other):
    with pytest.raises(FactoryError, match="share 1 pictures or photos"):
        choose_thresholds({"scripted": inspector}, one, other, PLAN)
    assert inspector.seen == 0


def test_the_worst_pictures_come_first(evaluation):
    found = find_worst(evaluation.rows["scripted"], Thresholds())
    keys = {title: [row.example.key for row, _ in rows] for title, rows in found.items()}
    assert keys == {
        "missed flaws": [HOSTILE],
        "false alarms": ["alarm"],
        "flaws found in the wrong place": ["misplaced"],
        "no finding": ["prose"],
    }


def test_the_page_shows_them_and_runs_no_script(evaluation, inspector, tmp_path):
    write_page(evaluation, {"scripted": inspector}, tmp_path, 1)
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 3  # key, text and raw answer
    pictures = sorted(path.name for path in (tmp_path / "pictures").iterdir())
    assert len(pictures) == 4
    assert all(f"pictures/{name}" in page for name in pictures)
    for title in ("missed flaws", "false alarms", "flaws found in the wrong place", "no finding"):
        assert f"scripted: {title} (1 of 1)" in page


def test_masks_are_outlined_on_the_page(tmp_path):
    inspector = Scripted({0: Finding(0.9, mask=heat((12, 2, 18, 8)))})
    held = opened(example("a", "flawed", (0, 0, 5, 5)), example("b", "clean"))
    found = evaluate(held, {"scripted": inspector}, PLAN)
    write_page(found, {"scripted": inspector}, tmp_path, 1)
    [name] = [p for p in (tmp_path / "pictures").iterdir() if p.name.startswith("0-2")]
    pixels = np.asarray(Image.open(name)).astype(int)
    assert pixels[2:8, 12:18].mean() > pixels[:, :8].mean() + 20
