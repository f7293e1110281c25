"""Which rejected photos force their stage to run, although its output is up to date."""

import json
import os

import pytest
from rejected_for_now import write_attempts, write_report

from flows.retries import find_due, find_given_up, find_retries, forget_attempts
from flows.unfetched import count_scan
from stages.engine.workspace import Workspace


def test_stages_with_photos_to_try_again_are_found(workspace: Workspace) -> None:
    write_report(workspace, "perceive", worker_died=1, model_unavailable=2)
    (workspace.reports / "map.json").write_text(json.dumps({"output": "", "try_again": {}}))
    words = "photos to try again: 2 model_unavailable, 1 worker_died"
    assert find_retries(workspace) == {"perceive": [words]}
    (workspace.stage("perceive") / "metrics.json").write_text("[]")  # an output of another run
    assert find_retries(workspace) == {}


def test_a_photo_is_tried_in_three_builds_and_again_when_asked_for(workspace: Workspace) -> None:
    write_report(workspace, "perceive", worker_died=1, model_unavailable=1)
    died = {"code": "worker_died", "count": 3}
    write_attempts(workspace, "perceive", died, {"code": "model_unavailable", "count": 2})
    assert find_retries(workspace) == {"perceive": ["photos to try again: 1 model_unavailable"]}
    write_attempts(workspace, "perceive", died)
    assert find_retries(workspace) == {}
    words = "photos given up after 3 builds: 1 worker_died (`flawfactory build --try-again`)"
    assert find_given_up(workspace) == {"perceive": words}
    forget_attempts(workspace)
    words = "photos to try again: 1 model_unavailable, 1 worker_died"
    assert find_retries(workspace) == {"perceive": [words]}
    assert find_given_up(workspace) == {}


@pytest.fixture
def listed(workspace: Workspace) -> Workspace:
    """A list of two photos, which ingest could not read."""
    workspace.sources.unlink()
    words = workspace.sources / "words"
    words.mkdir(parents=True)
    lines = [{"key": f"k{n}", "path": f"photos/{n}.jpg"} for n in range(2)]
    (words / "00000.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    write_report(workspace, "ingest", missing=1, unreadable=1)
    (workspace.root / "photos").mkdir()
    return workspace


def test_a_missing_photo_is_tried_when_its_file_is_there(listed: Workspace) -> None:
    missing = {"code": "missing", "of_file": True}
    write_attempts(
        listed,
        "ingest",
        {**missing, "position": 0, "count": 1},
        {**missing, "position": 1, "count": 9},
    )
    assert find_retries(listed) == {}
    assert find_given_up(listed) == {"ingest": "photos that wait for their file: 2"}
    (listed.root / "photos" / "1.jpg").touch()
    assert find_retries(listed) == {"ingest": ["photos to try again: 1 missing"]}
    assert find_given_up(listed) == {"ingest": "photos that wait for their file: 1"}


@pytest.mark.parametrize("line", ["", "{", '{"key": "k7", "path": "photos/0.jpg"}'])
def test_a_list_that_no_longer_names_the_photo_forces_nothing(listed: Workspace, line: str) -> None:
    (listed.root / "photos" / "0.jpg").touch()
    (listed.sources / "words" / "00000.jsonl").write_text(line)
    write_attempts(listed, "ingest", {"code": "missing", "of_file": True, "count": 1})
    assert find_retries(listed) == {}


def test_a_file_that_changed_is_tried_although_it_was_given_up(listed: Workspace) -> None:
    file = listed.root / "photos" / "0.jpg"
    file.touch()
    unreadable = {"code": "unreadable", "of_file": True}
    write_attempts(listed, "ingest", {**unreadable, "count": 3})
    attempts = listed.reports / "ingest.attempts.json"

    def last_tried(seconds: float) -> None:
        """Set the time of the last attempt, relative to the file's change."""
        changed = file.stat().st_ctime + seconds
        os.utime(attempts, (changed, changed))

    last_tried(10)
    assert find_retries(listed) == {}
    last_tried(-10)
    assert find_retries(listed) == {"ingest": ["photos to try again: 1 unreadable"]}


def test_photos_for_which_a_build_is_worth_it_have_the_count_of_the_newest(
    workspace: Workspace,
) -> None:
    source = workspace.root / "photos"
    assert find_due(workspace, [source]) is None
    count_scan(workspace, {source: ["a.jpg"]})
    count_scan(workspace, {source: ["a.jpg"]})
    due = find_due(workspace, [source])
    assert due and (due.words, due.tried) == ("1 that could not be fetched or read", 2)
    assert find_due(workspace, []) is None
    write_report(workspace, "perceive", worker_died=2)
    due = find_due(workspace, [source])
    assert due and due.words == "2 worker_died, 1 that could not be fetched or read"
    assert due.tried == 1
    write_attempts(workspace, "perceive", {"code": "worker_died", "count": 3})
    count_scan(workspace, {source: ["a.jpg"]})
    assert find_due(workspace, [source]) is None
    forget_attempts(workspace)
    assert find_due(workspace, [source]) == find_due(workspace, [])
