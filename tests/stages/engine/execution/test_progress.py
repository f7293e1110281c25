import json

import pytest

from stages.engine.execution.progress import Progress, Reporter


def test_reporter_writes_first_and_last(tmp_path):
    path = tmp_path / "p.json"
    reporter = Reporter("map", total=3, kept=1, path=path)
    assert Progress.read(path) == Progress("map", 1, 3, 1, 0, 0.0)
    reporter.advance(rejected=True)
    reporter.advance(rejected=False)
    last = Progress.read(path)
    assert last is not None
    assert (last.done, last.total, last.kept, last.rejected) == (3, 3, 1, 1)


def test_rate_counts_computed_photos_only():
    now = Progress("map", done=6, total=10, kept=4, rejected=1, seconds=4.0)
    assert now.rate == 0.5
    assert now.eta == 8.0
    assert now.line() == "map 6/10, 0.50 photos/s, 8 s left, 4 from the store, 1 rejected"


def test_rate_and_eta_are_unknown_at_the_start():
    now = Progress("map", done=0, total=10, kept=0, rejected=0, seconds=0.0)
    assert (now.rate, now.eta, now.line()) == (0.0, None, "map 0/10")


def test_workers_are_described_until_the_rate_is_known():
    start = Progress("map", 0, 10, 0, 0, 0.0, "2 workers, one per GPU")
    assert start.line() == "map 0/10, 2 workers, one per GPU"
    assert "workers" not in Progress("map", 5, 10, 0, 0, 5.0, start.workers).line()


@pytest.mark.parametrize("text", [None, "", "{", "[]", json.dumps({"stage": "map"})])
def test_progress_of_an_unreadable_file_is_none(tmp_path, text):
    if text is not None:
        (tmp_path / "p.json").write_text(text)
    assert Progress.read(tmp_path / "p.json") is None
