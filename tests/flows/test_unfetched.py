"""How often scans could not fetch a file, counted by source and without names."""

from pathlib import Path

import pytest

from flows.unfetched import count_scan, counts_file, describe_given_up, read_counts
from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import BucketPrefix

BUCKET, FOLDER = BucketPrefix("flaws", "photos"), Path("photos")


def test_each_file_is_counted_until_a_scan_of_its_source_gets_it(workspace: Workspace) -> None:
    count_scan(workspace, {BUCKET: ["a.jpg", "b.jpg"], FOLDER: ["a.jpg"]})
    count_scan(workspace, {BUCKET: ["b.jpg", "c.jpg"]})
    assert sorted(read_counts(workspace, [BUCKET])) == [1, 2]
    assert read_counts(workspace, [FOLDER]) == read_counts(workspace, [FOLDER.absolute()]) == [1]
    count_scan(workspace, {BUCKET: []})
    assert read_counts(workspace, [BUCKET, FOLDER]) == [1]


def test_what_is_given_up_is_said_after_the_third_scan(workspace: Workspace) -> None:
    for scans in range(1, 5):
        count_scan(workspace, {BUCKET: ["a.jpg"]})
        line = describe_given_up(workspace, [BUCKET])
        assert (line is not None) == (scans == 3)
        assert line is None or "3 scans could not fetch or read: 1;" in line


def test_no_name_is_written_down(workspace: Workspace) -> None:
    """A URL may contain a key, and a photo may have to be removed."""
    count_scan(workspace, {BUCKET: ["secret.jpg?key=secret"]})
    assert b"secret" not in counts_file(workspace).read_bytes()


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"a": {"b": "c"}}'])
def test_a_damaged_file_begins_anew(workspace: Workspace, damaged: bytes) -> None:
    count_scan(workspace, {BUCKET: ["a.jpg"]})
    counts_file(workspace).write_bytes(damaged)
    count_scan(workspace, {BUCKET: ["a.jpg"]})
    assert read_counts(workspace, [BUCKET]) == [1]


def test_a_scan_that_gets_everything_writes_nothing(workspace: Workspace) -> None:
    count_scan(workspace, {BUCKET: []})
    assert not counts_file(workspace).exists()
