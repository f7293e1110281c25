import json

import pytest
from published_set import write_set
from typer.testing import CliRunner

from flows.cli import app
from stages.package.split import Ratios


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return write_set(
        tmp_path_factory.mktemp("published") / "package",
        ratios=Ratios(train=0.4, validation=0.3, test=0.3),
    )


def run(*words):
    return CliRunner().invoke(app, ["evaluate", *map(str, words), "--no-css", "--resamples", "10"])


def test_json_and_page(published, tmp_path):
    result = run(published, "--inspector", "centre-box", "--by", "tool", "--json",
                 "--html", tmp_path / "page", "--count", 2)  # fmt: skip
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["set"]["split"] == "test"
    assert list(found["inspectors"]) == ["centre-box", "always-yes", "never", "whole-picture"]
    roles = found["inspectors"]["centre-box"]["false_alarms"]
    assert {role: scores["false-alarm rate"]["value"] for role, scores in roles.items()} == {
        "real": 1, "control": 1,
    }  # fmt: skip
    assert (tmp_path / "page" / "index.html").is_file()


def test_table_with_released_definitions(published):
    result = run(published, "--inspector", "never", "--split", "all", "--definitions", "artiagent",
                 "--markdown")  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "### as the released evaluators of ArtiAgent define it" in result.stdout
    assert "| artifact against control |" in result.stdout


def test_thresholds_from_the_validation_split(published):
    result = run(published, "--inspector", "never", "--validation", published)
    assert result.exit_code == 0, result.output
    assert "chosen on" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--inspector", "none"], "no inspector 'none'"),
        (["--inspector", "never", "--split", "none"], "no split 'none'"),
        (["--inspector", "never", "--form", "none"], "no form 'none'"),
        (["--inspector", "never", "--definitions", "none"], "no definitions 'none'"),
        (["--inspector", "never", "--by", "none"], "has a 'none'"),
    ],
)
def test_a_wrong_word_is_one_line(published, words, message):
    result = run(published, *words)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_another_folder_lists_the_forms(tmp_path):
    result = run(tmp_path, "--inspector", "never")
    assert result.exit_code == 2
    assert "looks like none of these forms" in result.output
