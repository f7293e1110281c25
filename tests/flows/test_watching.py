"""Photos that arrive in a watched folder start one build each time they have arrived completely."""

import os

import pytest
from rejected_for_now import write_attempts, write_report

from flows.unfetched import count_scan
from flows.watching import PAUSES, Outcome, Watch, take_snapshot
from stages.engine.attempts import MAX_ATTEMPTS
from stages.engine.workspace import FactoryError
from stages.ingest.buckets.address import BucketPrefix


class Builds:
    """Builds that end when the test says so."""

    def __init__(self):
        self.started, self.outcomes, self.reachable = 0, {}, True

    def start(self):
        if not self.reachable:
            return None
        self.started += 1
        return str(self.started)

    def outcome(self, identifier):
        return self.outcomes.get(identifier)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    return tmp_path / "photos"


@pytest.fixture
def watch(workspace, folder):
    return Watching(workspace, folder)


class Watching:
    """A watch whose clock goes a minute between two looks."""

    def __init__(self, workspace, folder, minutes=1.0):
        clock = iter(range(0, 10**6, 60))
        self.said, self.builds = [], Builds()
        watch = Watch(
            workspace, [folder], minutes, self.builds, self.said.append, lambda: float(next(clock))
        )
        self.poll = watch.poll


def add(folder, name, size=3):
    (folder / name).write_bytes(b"x" * size)


def test_a_build_starts_when_two_looks_agree(watch, folder):
    add(folder, "a.jpg")
    watch.poll()
    add(folder, "a.jpg", size=9)  # still being copied
    watch.poll()
    assert watch.builds.started == 0
    watch.poll()
    assert watch.builds.started == 1


def test_one_build_at_a_time_and_what_comes_meanwhile_is_built_next(watch, folder):
    for _ in range(4):
        watch.poll()
    assert watch.builds.started == 1  # the folder as it was found
    add(folder, "deep/b.PNG")
    watch.poll()
    watch.poll()
    assert watch.builds.started == 1
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    watch.poll()
    watch.poll()
    assert watch.builds.started == 2
    watch.builds.outcomes["2"] = Outcome.SUCCEEDED
    for _ in range(5):
        watch.poll()
    assert watch.builds.started == 2


def test_what_was_built_is_remembered_and_photos_of_the_time_between_are_not_missed(
    watch, workspace, folder
):
    add(folder, "a.jpg")
    watch.poll()
    watch.poll()
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    watch.poll()
    again = Watching(workspace, folder)
    for _ in range(3):
        again.poll()
    assert again.builds.started == 0
    add(folder, "b.jpg")
    later = Watching(workspace, folder)
    later.poll()
    later.poll()
    assert later.builds.started == 1


def test_a_failed_build_is_repeated_when_photos_change_or_watching_starts_anew(
    watch, workspace, folder
):
    add(folder, "a.jpg")
    watch.poll()
    watch.poll()
    watch.builds.outcomes["1"] = Outcome.FAILED
    for _ in range(4):
        watch.poll()
    assert watch.builds.started == 1 and "failed" in watch.said[-1]
    assert "`flawfactory build`" in watch.said[-1]
    add(folder, "b.jpg")
    watch.poll()
    watch.poll()
    assert watch.builds.started == 2
    again = Watching(workspace, folder)
    again.poll()
    again.poll()
    assert again.builds.started == 1


def test_a_build_that_the_server_forgot_is_started_again(watch, folder):
    """Somebody deleted its run, or the server came back with another database."""
    add(folder, "a.jpg")
    for _ in range(3):
        watch.poll()
    assert watch.builds.started == 1
    watch.builds.outcomes["1"] = Outcome.LOST
    watch.poll()
    assert watch.builds.started == 2 and "no longer knows the build" in watch.said[1]


def test_a_server_that_does_not_answer_is_asked_again(watch, folder):
    add(folder, "a.jpg")
    watch.builds.reachable = False
    for _ in range(3):
        watch.poll()
    assert not watch.said
    watch.builds.reachable = True
    watch.poll()
    assert watch.builds.started == 1


def test_it_looks_at_intervals(workspace, folder):
    watch = Watching(workspace, folder, minutes=10)
    for _ in range(10):
        watch.poll()
    assert watch.builds.started == 0
    watch.poll()
    assert watch.builds.started == 1


def test_snapshots_see_photos_and_ledgers_and_survive_what_they_cannot_read(folder):
    before = take_snapshot([folder])
    add(folder, "notes.txt")
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    assert take_snapshot([folder, folder / "missing"]) == before
    add(folder, "a.jpg")
    with_photo = take_snapshot([folder])
    assert with_photo != before
    os.utime(folder / "a.jpg", (1, 1))
    assert take_snapshot([folder]) not in (before, with_photo)
    touched = take_snapshot([folder])
    (folder / "sub").mkdir()
    (folder / "sub" / "LICENCES.toml").write_text("broken")
    with_ledger = take_snapshot([folder])
    (folder / "sub" / "LICENCES.toml").write_text("[default]")
    assert len({touched, with_ledger, take_snapshot([folder])}) == 3


def test_a_bucket_that_cannot_be_listed_is_unchanged_and_said_once(workspace, monkeypatch):
    answers = ["a", "a", FactoryError("no network"), FactoryError("no network"), "b", "b"]

    def look(address):
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if isinstance(answer, FactoryError):
            raise answer
        return f"{address} {answer}"

    monkeypatch.setattr("flows.watching.snapshot_objects", look)
    watch = Watching(workspace, BucketPrefix("flaws", "photos"))
    watch.poll()
    watch.poll()
    assert watch.builds.started == 1
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    watch.poll()
    watch.poll()
    assert watch.said[1:] == ["cannot look for photos: no network; tried again at each look"]
    watch.poll()
    assert watch.said[2:] == ["photos can be looked for again"] and watch.builds.started == 1
    watch.poll()
    assert watch.builds.started == 2


def test_a_list_of_urls_is_watched_as_a_file(tmp_path):
    path = tmp_path / "list.txt"
    before = take_snapshot([path])
    path.write_text("http://a.org/1\n")
    first = take_snapshot([path])
    path.write_text("http://a.org/1\nhttp://a.org/2\n")
    assert len({before, first, take_snapshot([path])}) == 3


class Stock:
    """A checkout whose scans cannot fetch some photos of the watched source."""

    def __init__(self, workspace, source):
        self._workspace, self._source = workspace, source

    def scan(self, *unfetched):
        count_scan(self._workspace, {self._source: unfetched})


@pytest.fixture
def stock(workspace, folder):
    return Stock(workspace, folder)


def poll_until_started(watch, builds):
    """Poll once a minute until there are so many builds; return the number of looks, of which the
    first notes the end of the last build. None if no more builds start in a day."""
    for minute in range(1440):
        if watch.builds.started == builds:
            return minute
        watch.poll()
    return None


def test_photos_that_could_not_be_fetched_are_tried_in_three_builds_with_growing_pauses(
    watch, stock
):
    poll_until_started(watch, 1)
    for build, pause in (("1", PAUSES[0]), ("2", PAUSES[1])):
        stock.scan("a.jpg", "b.jpg")
        watch.builds.outcomes[build] = Outcome.SUCCEEDED
        assert poll_until_started(watch, int(build) + 1) == pause + 1
        assert watch.said[-2:] == [
            f"photos to try again (2 that could not be fetched or read): a build starts in "
            f"{pause:g} minutes",
            "photos to try again (2 that could not be fetched or read): a build is started",
        ]
    stock.scan("a.jpg", "b.jpg")
    watch.builds.outcomes["3"] = Outcome.SUCCEEDED
    assert poll_until_started(watch, 4) is None
    assert watch.said[-1].startswith("photos that 3 scans could not fetch or read: 2;")


def test_a_photo_that_was_fetched_is_not_tried_again(watch, stock):
    poll_until_started(watch, 1)
    stock.scan("a.jpg")
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    for _ in range(3):
        watch.poll()
    stock.scan()  # by a build that somebody starts by hand
    assert poll_until_started(watch, 2) is None
    stock.scan("a.jpg")  # another such build, whose photos nobody waits for
    assert poll_until_started(watch, 2) is not None


def test_photos_that_a_stage_rejected_for_now_are_tried_again_too(watch, workspace, stock):
    poll_until_started(watch, 1)
    write_report(workspace, "perceive", model_unavailable=1)
    attempt = {"code": "model_unavailable"}
    write_attempts(workspace, "perceive", {**attempt, "count": 2}, {**attempt, "count": 3})
    stock.scan("a.jpg")
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    assert poll_until_started(watch, 2) == PAUSES[0] + 1
    assert "(1 model_unavailable, 1 that could not be fetched or read)" in watch.said[-1]


def test_builds_that_fail_are_bounded_too_and_photos_that_arrive_begin_anew(watch, stock, folder):
    poll_until_started(watch, 1)
    stock.scan("a.jpg")
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    poll_until_started(watch, 2)
    watch.builds.outcomes["2"] = Outcome.FAILED  # the whole bucket is away: nothing is counted
    assert poll_until_started(watch, 3) == PAUSES[1] + 1
    watch.builds.outcomes["3"] = Outcome.FAILED
    assert poll_until_started(watch, 4) is None
    add(folder, "b.jpg")
    assert poll_until_started(watch, 4) == 2
    watch.builds.outcomes["4"] = Outcome.SUCCEEDED
    assert poll_until_started(watch, 5) == PAUSES[0] + 1


def test_a_build_that_the_server_forgot_is_no_attempt(watch, stock):
    poll_until_started(watch, 1)
    stock.scan("a.jpg")
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    poll_until_started(watch, 2)
    watch.builds.outcomes["2"] = Outcome.LOST
    assert poll_until_started(watch, 3) == 1


def test_a_watch_that_starts_anew_goes_on(watch, workspace, folder, stock):
    poll_until_started(watch, 1)
    stock.scan("a.jpg")
    stock.scan("a.jpg")
    watch.builds.outcomes["1"] = Outcome.SUCCEEDED
    watch.poll()
    again = Watching(workspace, folder)
    assert poll_until_started(again, 1) == PAUSES[1] + 2  # two looks have to agree


def test_there_is_a_pause_for_each_build_but_the_first():
    assert len(PAUSES) == MAX_ATTEMPTS - 1 and sorted(PAUSES) == list(PAUSES)
