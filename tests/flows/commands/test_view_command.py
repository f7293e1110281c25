import os
import signal
import subprocess
import sys

import httpx
import pytest
from reviewed_build import ReviewedBuild
from typer.testing import CliRunner

from flows.cli import app
from flows.reviews.book import lock_reviewer
from flows.reviews.server import API, TOKEN
from stages.filter.reviews import read_review


@pytest.fixture
def build(tmp_path, monkeypatch):
    made = ReviewedBuild(tmp_path, monkeypatch)
    made.run("filter", "explain", "package")
    return made


def call(*words):
    result = CliRunner().invoke(app, ["view", *words])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.parametrize("name", ["Anna", "a b", "../anna", "", "a" * 41, "ü"])
def test_a_name_that_cannot_name_a_file_is_refused(build, name):
    code, output = call("--serve", "--reviewer", name)
    assert code == 2 and "lower-case letters, digits and dashes" in output


def test_a_second_server_for_a_reviewer_is_refused(build):
    with lock_reviewer(build.workspace, "anna"):
        code, output = call("--serve", "--reviewer", "anna")
    assert code == 2 and "runs already for reviewer anna" in output


def test_a_file_that_is_not_a_review_is_not_served(build):
    path = build.root / "reviews" / "anna.json"
    path.write_text("{}")
    code, output = call("--serve", "--reviewer", "anna")
    assert code == 2 and "reviews/anna.json: not a review file" in output
    assert path.read_text() == "{}"


@pytest.mark.slow
def test_a_reviewer_marks_a_flaw_and_the_next_build_applies_it(build):
    command = [sys.executable, "-c", "from flows.entry import main; main()"]
    process = subprocess.Popen(
        [*command, "view", "--serve", "--reviewer", "anna"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "FLAWFACTORY_ROOT": str(build.root), "COLUMNS": "200"},
    )
    try:
        assert process.stdout is not None
        words = process.stdout.readline().split()
        url = words[1]
        assert url.startswith("http://127.0.0.1:") and "reviews/anna.json;" in words
        with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
            assert "<html" in client.get("/").text
            token = client.get(API).json()["token"]
            flaw = f"{build.keys[0]}-v0"
            body = {"marks": [build.mark(flaw).model_dump(mode="json")]}
            assert client.post(API, json=body, headers={TOKEN: token}).json()["marks"] == 1
    finally:
        process.send_signal(signal.SIGINT)
    assert process.wait(60) == 0
    assert [mark.flaw for mark in read_review(build.root / "reviews/anna.json")[0].marks] == [flaw]
    build.run("filter", "explain", "package")
    assert flaw not in build.rows("package")
    assert build.rows("filter", "rejects")[flaw]["code"] == "rejected_by_review"
