import multiprocessing
import os
from datetime import timedelta

import pytest
from reviewed_build import TIME

from flows.reviews.book import FileConflict, ReviewBook, UnknownPixels, lock_reviewer
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.reviews import read_review

FLAW, OTHER = "0000000000000001-v0", "0000000000000002-v1"


@pytest.fixture
def book(build):
    return ReviewBook(build.workspace, "anna")


def saved(build):
    return {
        mark.flaw: mark.verdict for mark in read_review(build.root / "reviews/anna.json")[0].marks
    }


def test_every_change_is_on_disk(build, book):
    assert book.change([build.mark(FLAW), build.mark(OTHER, "accept")], []) == 2
    assert saved(build) == {FLAW: "reject", OTHER: "accept"}
    assert book.change([build.mark(FLAW, "accept")], []) == 2
    assert saved(build)[FLAW] == "accept"
    assert book.change([], [build.pixels(OTHER), "f" * 64]) == 1
    assert saved(build) == {FLAW: "accept"}
    file, _ = read_review(build.root / "reviews/anna.json")
    assert file.data_set == book.refresh()[0] and file.reviewer == "anna"


def test_marks_of_earlier_sessions_are_kept(build):
    old = build.mark(FLAW, pixels_sha256="a" * 64)
    build.review("anna", old)
    book = ReviewBook(build.workspace, "anna")
    assert book.refresh()[1] == [old]
    book.change([build.mark(FLAW, "accept")], [])
    found, _ = read_review(build.root / "reviews/anna.json")
    assert len(found.marks) == 2


def test_what_somebody_else_changed_is_not_lost(build, book):
    book.change([build.mark(FLAW)], [])
    later = build.mark(OTHER, "accept", time=TIME + timedelta(hours=1))
    build.review("anna", later)
    third = "0000000000000003-v2"
    assert book.change([build.mark(third)], []) == 2
    assert saved(build) == {OTHER: "accept", third: "reject"}
    (build.root / "reviews/anna.json").unlink()
    assert book.change([build.mark(FLAW)], []) == 1


def test_pixels_that_the_build_does_not_have_are_refused(build, book):
    with pytest.raises(UnknownPixels, match=f"no flaw of this build .*{FLAW}"):
        book.change([build.mark(OTHER), build.mark(FLAW, pixels_sha256="a" * 64)], [])
    assert not (build.root / "reviews/anna.json").exists()


def test_the_number_of_marks_is_limited(build, book, monkeypatch):
    monkeypatch.setattr("flows.reviews.book.MAX_MARKS", 1)
    with pytest.raises(UnknownPixels, match="at most 1 marks"):
        book.change([build.mark(FLAW), build.mark(OTHER)], [])


def test_a_file_that_is_not_the_reviewers_is_not_overwritten(build, book):
    path = build.root / "reviews/anna.json"
    build.review("ben", build.mark(FLAW)).rename(path)
    with pytest.raises(FileConflict, match="a review by ben"):
        book.change([build.mark(OTHER)], [])
    path.write_text("{")
    with pytest.raises(FileConflict, match="cut off"):
        book.refresh()
    assert path.read_text() == "{"
    with pytest.raises(FactoryError, match="cut off"):
        ReviewBook(build.workspace, "anna")


def test_without_a_build_there_is_nothing_to_review(tmp_path):
    with pytest.raises(FactoryError, match="nothing to review yet: run `flawfactory build`"):
        ReviewBook(Workspace(tmp_path), "anna")


def hold(root, ready, done):
    with lock_reviewer(Workspace(root), "anna"):
        ready.set()
        done.wait(60)


def test_one_server_writes_a_file(tmp_path):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path, ready, done))
    other.start()
    try:
        assert ready.wait(60)
        with (
            pytest.raises(FactoryError, match=rf"for reviewer anna \(process {other.pid}\)"),
            lock_reviewer(Workspace(tmp_path), "anna"),
        ):
            pass
        with lock_reviewer(Workspace(tmp_path), "ben"):
            pass
    finally:
        done.set()
        other.join()
    with lock_reviewer(Workspace(tmp_path), "anna"):
        assert (tmp_path / "data/.report/review-anna.lock").read_text() == f"{os.getpid()}\n"


def test_a_failed_write_keeps_the_file(build, book, monkeypatch):
    book.change([build.mark(FLAW)], [])

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("flows.reviews.book.write_atomically", full)
    with pytest.raises(OSError, match="No space"):
        book.change([build.mark(OTHER)], [])
    assert saved(build) == {FLAW: "reject"}
    assert [mark.flaw for mark in book.refresh()[1]] == [FLAW]
