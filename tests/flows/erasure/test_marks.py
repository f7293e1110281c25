from datetime import UTC, datetime

import pytest

from flows.erasure.marks import count_marks, purge_marks
from flows.erasure.photo import Photo
from stages.engine.workspace import Workspace
from stages.filter.reviews import Mark, dump_review, make_review, read_review

KEPT, GONE = "0" * 16, "1" * 16


@pytest.fixture
def file(tmp_path):
    marks = [
        Mark(pixels_sha256=digest * 64, flaw=f"{key}-v{n}", verdict="reject", note="her hand",
             time=datetime(2026, 11, 26, tzinfo=UTC))
        for n, (digest, key) in enumerate([("a", KEPT), ("b", GONE), ("c", GONE)])
    ]  # fmt: skip
    path = tmp_path / "reviews" / "old" / "anna.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(dump_review(make_review("0" * 64, "anna", marks)))
    return path


def test_marks_on_a_photo_are_counted_and_removed(tmp_path, file):
    photos = [Photo(GONE, None, (), ())]
    assert count_marks(Workspace(tmp_path), photos) == ({file: 2}, [])
    purge_marks(file, photos)
    assert [mark.flaw for mark in read_review(file)[0].marks] == [f"{KEPT}-v0"]
    assert count_marks(Workspace(tmp_path), photos) == ({}, [])


def test_a_file_that_cannot_be_searched_is_named(tmp_path, file):
    file.write_text("{")
    assert count_marks(Workspace(tmp_path), [Photo(GONE, None, (), ())]) == ({}, [file])
    assert count_marks(Workspace(tmp_path / "none"), []) == ({}, [])
