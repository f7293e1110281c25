import json

import pytest

from benchmarks.same_outputs import Comparison, compare, differing_fields
from stages.engine.storage.shard import write_shard


def folder(path, **members):
    write_shard(path / "shard-000000.tar", [("k", members)])
    return path


def build(path, picture=b"1", **document):
    document = {"detector": "a", "parts": [{"score": 1}], **document}
    return folder(path, **{"v0.mask.png": picture, "json": json.dumps(document).encode()})


def test_equal_outputs_are_the_same(tmp_path):
    found = compare(build(tmp_path / "a"), build(tmp_path / "b"))
    assert found == {"mask.png": Comparison(same=1), "json": Comparison(same=1)}
    assert all(counts.equal for counts in found.values())


def test_a_picture_that_differs_is_counted(tmp_path):
    found = compare(build(tmp_path / "a"), build(tmp_path / "b", picture=b"2"))
    assert found["mask.png"] == Comparison(different=1) and not found["mask.png"].equal


@pytest.mark.parametrize(
    ("document", "fields", "equal"),
    [({"detector": "b"}, {"detector"}, True), ({"parts": [{"score": 2}]}, {"parts.score"}, False)],
)
def test_only_a_revision_may_differ_in_a_document(tmp_path, document, fields, equal):
    found = compare(build(tmp_path / "a"), build(tmp_path / "b", **document))["json"]
    assert found.fields == fields and found.equal is equal


def test_a_member_of_one_build_only_is_missing(tmp_path):
    found = compare(build(tmp_path / "a"), folder(tmp_path / "b", **{"v0.mask.png": b"1"}))
    assert found["json"].missing == 1 and not found["json"].equal


def test_lists_of_another_length_differ():
    assert list(differing_fields({"a": [1]}, {"a": [1, 2]})) == ["a"]
