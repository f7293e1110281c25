from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.buckets.names import escape, find_fault, walk_order
from stages.ingest.walk import Walk


@pytest.mark.parametrize(
    "key", ["a.jpg", "a/b c/ü.jpg", "..a/b..jpg", "a" * 251 + ".jpg", "%2E.jpg"]
)
def test_names_of_files(key):
    assert find_fault(key) is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("/etc/a.jpg", "empty part"),
        ("a//b.jpg", "empty part"),
        ("a/../../b.jpg", "'..'"),
        ("./a.jpg", "'.'"),
        ("a\n.jpg", "control"),
        ("a\0.jpg", "control"),
        ("a\x9b.jpg", "control"),
        ("\udcff.jpg", "control"),
        ("ü" * 126 + ".jpg", "255 bytes"),
        ("a?versionId=b.jpg", "versionId"),
    ],
)
def test_names_that_no_file_may_have(key, reason):
    assert reason in str(find_fault(key))


@given(st.lists(st.text("./%\n\0aü"), unique=True))
def test_escaped_names_are_distinct_and_lead_nowhere(keys):
    escaped = [escape(key) for key in keys]
    assert len(set(escaped)) == len(keys)
    for name in escaped:
        assert name.isprintable() and not {".", ".."} & set(name.split("/"))


def test_the_order_is_that_of_a_folder(tmp_path):
    keys = ["b/z.jpg", "b/a.jpg", "ä.jpg", "Z.jpg", "a b/c d.jpg", "a.jpg", "b/c/a.jpg", "b.jpg"]
    for key in keys:
        (tmp_path / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / key).touch()
    walked = [path.relative_to(tmp_path).as_posix() for path, _ in Walk(tmp_path)]
    assert sorted(keys, key=walk_order) == walked
