import json

import pytest
from chat_server import ChatServer
from published_set import write_set
from typer.testing import CliRunner

from flows.cli import app
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.settings import CallSettings
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


FLAW = {"label": "extra hand", "kind": "add", "box": [100, 250, 400, 750], "certainty": 80,
        "explanation": "There is a hand too many."}  # fmt: skip


def answer_by_colour(request):
    """Call every second picture flawed, and answer the first one in prose."""
    number = request.images[0].tobytes()[0]
    if number % 4 == 0:
        return "I see nothing wrong with this lovely picture."
    flaws = [FLAW] if number % 2 else []
    return json.dumps({"flaws": flaws, "explanation": "So it is.", "probability": 90 * len(flaws)})


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    with ChatServer(answer_by_colour) as server:
        model = {"backend": "openai", "name": "m", "base_url": server.url}
        (tmp_path / "params.yaml").write_text(
            json.dumps({"inspectors": {"chat": {"model": model}}})
        )
        yield tmp_path, server


def test_a_model_behind_an_endpoint_is_asked_once_a_picture(published, checkout):
    root, server = checkout
    words = (published, "--inspector", "chat", "--params", root / "params.yaml", "--split", "all",
             "--workers", "4", "--json")  # fmt: skip
    first = run(*words)
    assert first.exit_code == 0, first.output
    found = json.loads(first.stdout)
    failures = found["inspectors"]["m"]["failures"]["unusable_answer"]
    pictures = found["set"]["pictures"]
    assert 0 < failures < pictures
    sent = server.count
    second = run(*words)
    assert json.loads(second.stdout) == found
    assert server.count == sent
    [account] = Ledger(root / "data" / ".calls" / NAME, CallSettings()).accounts()
    assert (account.stage, account.purpose, account.sent) == ("evaluate", "inspect", sent)
    # Prose is asked about once more, in both runs; some pictures of the set are the same.
    assert account.sent + account.kept == 2 * (pictures + failures)
    # The answers of a photo that is withdrawn are found by its key.
    answers = [json.loads(p.read_bytes()) for p in (root / "data" / ".calls").rglob("*.json")]
    photos = {row["key"].split("-")[0] for row in found["pictures"]["m"]}
    assert {answer["photo"] for answer in answers} == photos


def test_the_budget_ends_it_in_one_line(published, checkout):
    root, server = checkout
    (root / "factory.toml").write_text(
        "[calls]\nbudget = 0.0\n[calls.prices]\nm = {input = 10, output = 100}\n"
    )
    result = run(published, "--inspector", "chat", "--params", root / "params.yaml")
    assert result.exit_code == 2
    assert "budget" in result.output
    assert server.count == 0
