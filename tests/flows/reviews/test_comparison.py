"""What `flawfactory diff` says about people's verdicts."""

import shutil

import pytest
from reviewed_build import ReviewedBuild

from flows.comparison.report import list_changes, make_report
from flows.comparison.versions import open_version

STAGES = ("filter", "explain", "package")


@pytest.fixture
def versions(tmp_path, monkeypatch):
    """A build, and the same after a person rejected a flaw, accepted another, confirmed a third."""
    build = ReviewedBuild(tmp_path / "factory", monkeypatch)
    build.run(*STAGES)
    shutil.copytree(build.workspace.data, tmp_path / "before")
    first, second, third = build.keys
    build.review(
        "anna",
        build.mark(f"{first}-v0"),
        build.mark(f"{second}-v1", "accept"),
        build.mark(f"{third}-v2", "accept"),
    )
    build.run(*STAGES)
    return str(tmp_path / "before"), str(build.workspace.data)


def lines(before, after):
    """What changed, number of flaws, the reason before what moved, and the example."""
    report = make_report(open_version(None, before), open_version(None, after))
    return {
        (line.what, line.count, line.why.rpartition("; ")[0], *line.examples)
        for line in list_changes(report)
    }


def test_the_reason_is_a_persons_verdict(versions):
    before, after = versions
    found = lines(before, after)
    assert ("removed", 1, f"a person rejected it in {after}", "0000000000000001-p0") in found
    accepted = f"a person accepted it; filter rejected it in {before}: not_convincing"
    assert ("added", 1, accepted, "0000000000000002-p1") in found
    assert ("verdict changed", 1) in {line[:2] for line in found}


def test_the_reason_of_a_verdict_that_is_taken_back_is_the_judges(versions):
    after, before = versions
    found = lines(before, after)
    assert ("added", 1, f"a person rejected it in {before}", "0000000000000001-p0") in found
    (removed,) = (line for line in found if line[0] == "removed")
    assert removed[2].endswith(f"filter rejected it in {after}: not_convincing")
