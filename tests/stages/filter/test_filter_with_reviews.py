"""The stages from the filter on, with people's marks: real engine, gates, grammar and packaging."""

import json
from datetime import timedelta

import pytest
from reviewed_build import TIME, ReviewedBuild, Standin

from stages.engine.workspace import FactoryError
from stages.filter.reviews import reviewer_digest

STAGES = ("filter", "explain", "package")
KEPT, REFUSED = "0000000000000001-v0", "0000000000000001-v1"
"""A flaw that the judge keeps, and one that it rejects."""


@pytest.fixture
def build(tmp_path, monkeypatch):
    return ReviewedBuild(tmp_path, monkeypatch)


def test_without_marks_the_judge_decides(build):
    build.run(*STAGES)
    row = build.rows("package")[KEPT]
    assert row["pixels_sha256"] == build.pixels(KEPT)
    assert (row["verdict_by"], row["judge_verdict"]) == ("judge", "ok")
    assert row["accepted_by"] == row["rejected_by"] == ""
    evidence = json.loads(build.rows("filter", "rejects")[REFUSED]["evidence"])
    assert evidence["pixels_sha256"] == build.pixels(REFUSED)
    assert evidence["judge_verdict"] == "not_convincing"
    assert build.metrics("filter")["reviews.files"] == 0


def test_a_persons_verdict_overrides_the_judges_in_both_directions(build):
    build.run(*STAGES)
    build.review("anna", build.mark(KEPT, reason="bad_mask"), build.mark(REFUSED, "accept"))
    gates = build.run(*STAGES, gated=True)
    assert all(gate.success for gate in gates.values())
    rows, rejects = build.rows("package"), build.rows("filter", "rejects")
    assert KEPT not in rows and REFUSED not in rejects
    accepted, rejected = rows[REFUSED], rejects[KEPT]
    anna = reviewer_digest("anna")
    assert (accepted["verdict_by"], accepted["judge_verdict"]) == ("review", "not_convincing")
    assert (accepted["accepted_by"], accepted["rejected_by"]) == (anna, "")
    assert accepted["judge"] == "standin" and accepted["score.size"] is not None
    assert rejected["code"] == "rejected_by_review"
    assert (
        rejected["message"] == "1 of 1 reviewers reject it (bad_mask); the judge: ok, by its tool"
    )
    evidence = json.loads(rejected["evidence"])
    assert evidence["rejected_by"] == anna and evidence["judge_verdict"] == "ok"
    metrics = build.metrics("filter")
    assert metrics["verdict_by.review"] == 1 and metrics["reviews.flaws"] == 2
    assert "anna" not in json.dumps([*rows.values(), *rejects.values()])


def test_marks_recompute_nothing_but_the_texts_of_their_photo(build):
    build.run(*STAGES)
    asked = Standin.asked
    build.review("anna", build.mark(KEPT))
    build.run(*STAGES)
    assert Standin.asked == asked and build.report("filter")["computed"] == 0
    assert build.report("explain")["computed"] == build.report("package")["computed"] == 1


def test_without_its_file_a_verdict_is_the_judges_again(build):
    build.run("filter")
    before = build.rows("filter")
    build.review("anna", build.mark(KEPT)).rename(build.root / "anna.json")
    (build.root / "anna.json").rename(build.root / "reviews" / "anna.json")
    build.run("filter")
    assert build.rows("filter") != before
    build.params(filter={"reviews": []})
    build.run("filter")
    assert build.rows("filter") == before


def test_a_mark_of_other_pixels_never_applies_and_is_named(build):
    old = build.mark(KEPT, pixels_sha256="a" * 64)
    build.review("anna", old, build.mark(REFUSED, "accept"))
    (gate,) = build.run("filter", gated=True).values()
    assert gate.success and KEPT in build.rows("filter") and REFUSED in build.rows("filter")
    (warning,) = gate.warnings
    assert "00001.png (v0)" in warning.message and "do not apply" in warning.message
    assert build.metrics("filter")["reviews.stale"] == 1


def test_a_tie_leaves_the_verdict_to_the_judge(build):
    build.review("anna", build.mark(KEPT), build.mark(REFUSED))
    build.review("ben", build.mark(KEPT, "accept"), build.mark(REFUSED, "accept"))
    build.run("filter")
    row = build.rows("filter")[KEPT]
    assert row["verdict_by"] == "judge" and REFUSED not in build.rows("filter")
    assert row["accepted_by"] and row["rejected_by"]
    metrics = build.metrics("filter")
    assert metrics["reviews.disputed"] == metrics["reviews.undecided"] == 2
    build.review("cid", build.mark(KEPT))
    build.run("filter")
    assert KEPT not in build.rows("filter")


def test_a_person_who_confirms_the_judge_is_recorded(build):
    build.review("anna", build.mark(KEPT, "accept"), build.mark(REFUSED))
    build.run("filter")
    assert build.rows("filter")[KEPT]["verdict_by"] == "review"
    assert build.rows("filter", "rejects")[REFUSED]["code"] == "rejected_by_review"


def test_what_a_person_accepts_may_be_below_the_bounds(build, monkeypatch):
    monkeypatch.setattr(Standin, "distance", lambda self, a, b: 0.01)
    build.review("anna", build.mark(KEPT, "accept"))
    (gate,) = build.run("filter", gated=True).values()
    assert list(build.rows("filter")) == [KEPT]
    assert build.rows("filter")[KEPT]["judge_verdict"] == "not_perceptible"
    assert {check.column for check in gate.failures} <= {"variant_reject_rate"}


def test_the_control_replaces_the_flaw_of_a_picture_that_a_person_rejects(tmp_path, monkeypatch):
    build = ReviewedBuild(tmp_path, monkeypatch, count=3, pictures=["p0", "p1", "p0"])
    other = "0000000000000001-v2"
    build.review("anna", build.mark(other, "accept"))
    build.run(*STAGES)
    assert build.rows("package")[KEPT]["flaws"] == 2
    build.review("anna", build.mark(other, "accept"), build.mark(KEPT))
    build.run(*STAGES)
    row = build.rows("package")[other]
    assert (row["flaws"], row["taken_out"]) == (1, 1) and KEPT not in build.rows("package")


def test_bad_files_end_the_run_before_any_work(build):
    path = build.review("anna", build.mark(KEPT))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(FactoryError, match=r"^reviews/anna\.json: not JSON, or cut off"):
        build.run("filter")
    assert Standin.asked == 0
    build.review("anna", build.mark(KEPT, flaw="ffffffffffffffff-v0"))
    with pytest.raises(FactoryError, match="of another data set"):
        build.run("filter")
    assert Standin.asked == 0


@pytest.mark.parametrize("pattern", ["anna.json", "/etc/*.json", "reviews/../x.json", "reviews"])
def test_reviews_lie_in_the_folder_that_dvc_watches(build, pattern):
    build.params(filter={"reviews": [pattern]})
    with pytest.raises(FactoryError, match="must begin with reviews/"):
        build.run("filter")


def test_a_file_that_changes_during_the_run_ends_it(build, monkeypatch):
    judge = Standin.judge

    def change(self, case):
        build.review("anna", build.mark(KEPT, "accept", time=TIME + timedelta(days=1)))
        return judge(self, case)

    build.review("anna", build.mark(KEPT))
    monkeypatch.setattr(Standin, "judge", change)
    with pytest.raises(FactoryError, match=r"anna\.json changed while it ran"):
        build.run("filter")
