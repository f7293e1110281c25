import json
import re
from pathlib import Path

import pytest
from reviewed_build import ReviewedBuild
from typer.testing import CliRunner

from flows.cli import app
from stages.engine.workspace import Workspace
from stages.models.judge.features import logistic

JUDGING = Path(__file__).parents[3] / "benchmarks" / "judging"
CALIBRATION = [str(JUDGING / f"reviews/calibration-{rater}.json") for rater in "ab"]
SCORES = ["--scores", str(JUDGING / "scores/calibration-flaws.json")]


@pytest.fixture
def build(tmp_path, monkeypatch):
    made = ReviewedBuild(tmp_path, monkeypatch)
    made.run("filter")
    return made


def call(*words):
    result = CliRunner().invoke(app, ["judge", *words])
    return result.exit_code, re.sub(r"[ \n]+", " ", result.output)


def test_agreement_is_printed_by_tool_with_stale_marks(build):
    a, b = f"{build.keys[0]}-v0", f"{build.keys[1]}-v1"
    build.review("anna", build.mark(a), build.mark(b, "accept"))
    old = build.mark(a, pixels_sha256="a" * 64)
    build.review("ben", build.mark(a, "accept"), old)
    code, output = call("agreement")
    assert code == 0
    assert "2 of 12 flaws marked by 2 reviewers; 1 disputed, 1 of them undecided" in output
    assert "remove" in output and "fuse" not in output and "anna, ben" in output
    assert f"reviews/ben.json: 1 of 2 marks are about pixels that this build does not have, and " \
           f"do not apply: {a}" in output  # fmt: skip
    code, output = call("agreement", "--json", str(build.root / "reviews/anna.json"))
    found = json.loads(output)
    assert (found["marked"], found["stale"]) == (2, 0) and found["stale_marks"] == {}
    assert found["tools"]["add"]["precision"]["hits"] == 0
    assert found["tools"]["remove"]["recall"]["value"] == 0
    assert found["tools"]["all"]["kappa"]["value"] == -1


def test_without_review_files_the_command_says_how_to_make_them(build):
    for name in ("agreement", "fit"):
        code, output = call(name)
        assert code == 2 and "no review files" in output and "view --serve" in output


def test_bad_files_are_one_line(build):
    path = build.root / "reviews" / "anna.json"
    path.write_text("{")
    for words in (["agreement"], ["fit"], ["agreement", str(path)]):
        code, output = call(*words)
        assert code == 2 and "anna.json: not JSON, or cut off" in output


def test_fit_repeats_the_committed_coefficients(build):
    out = build.root / "coefficients.json"
    code, output = call("fit", *CALIBRATION, *SCORES, "--out", str(out))
    assert code == 0 and "218 marked flaws of 59 photos, 81% right" in output
    assert "fitted to the same marks" in output
    assert out.read_bytes() == logistic.COEFFICIENTS.read_bytes()


def test_fit_writes_what_the_judge_reads_only_on_demand(build, monkeypatch):
    place = build.root / "judge.json"
    monkeypatch.setattr(logistic, "COEFFICIENTS", place)
    assert call("fit", *CALIBRATION, *SCORES)[0] == 0 and not place.exists()
    code, output = call("fit", *CALIBRATION, *SCORES, "--write")
    assert code == 0 and "written" in output
    assert logistic.load(place).provenance["results"] == 218


def test_fit_refuses_too_few_marks(build):
    build.review("anna", build.mark(f"{build.keys[0]}-v0"))
    code, output = call("fit")
    assert code == 2 and "marked flaws: 1, at least 50 are needed" in output


def test_fit_without_scores_says_what_is_missing(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "params.yaml").write_text("{}\n")
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    code, output = call("fit", *CALIBRATION)
    assert code == 2 and "there are no scores: run `flawfactory build`" in output
    code, output = call("agreement", *CALIBRATION)
    assert code == 2 and "data/filter has no output yet" in output
    assert Workspace.find().root == tmp_path
