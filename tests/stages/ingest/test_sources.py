from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.sources import (
    Problem,
    ScanError,
    Source,
    read_list,
    units,
    withdraw,
    write_list,
)


def source(path="a.jpg", content: str | None = "a", **more):
    sha = None if content is None else hashlib.sha256(content.encode()).hexdigest()
    values = {"bytes": 1, "sha256": sha, "licence": "MIT", "origin": "me", "batch": "b"}
    return Source(path=path, **{**values, **more})


CODES = st.sampled_from([None, Problem(code="unreadable", message="cannot be read")])
SOURCES = st.lists(
    st.builds(
        lambda path, content, withdrawn, problem: source(
            path, None if problem else content, withdrawn=withdrawn, problem=problem
        ),
        st.sampled_from(["a.jpg", "b.jpg", "ü \u2028.jpg"]),
        st.sampled_from("xyz"),
        st.sampled_from([None, None, "replaced", "asked to"]),
        CODES,
    ),
    max_size=12,
)


@given(SOURCES)
def test_every_line_ends_as_one_unit_or_one_reject(entries):
    accepted, rejects = units(entries)
    keys = [unit.key for unit in accepted] + [reject.key for reject in rejects]
    assert len(keys) == len(set(keys)) == len(entries)
    assert [unit.source for unit in accepted] == [
        entries[unit.position].model_dump(mode="json") for unit in accepted
    ]
    assert [unit.position for unit in accepted] == sorted(unit.position for unit in accepted)


@given(SOURCES, SOURCES)
def test_growth_without_withdrawals_changes_no_unit(entries, more):
    more = [entry.model_copy(update={"withdrawn": None}) for entry in more]
    before, _ = units(entries)
    after, _ = units(entries + more)
    assert after[: len(before)] == before


@given(SOURCES)
def test_list_survives_the_disk(tmp_path_factory, entries):
    path = tmp_path_factory.mktemp("list") / "data" / "sources.jsonl"
    assert write_list(path, entries)
    assert not write_list(path, entries)
    assert read_list(path) == entries


def test_second_file_of_the_same_bytes_names_the_first():
    accepted, rejects = units([source("a.jpg"), source("b.jpg"), source("c.jpg")])
    key = source().key
    assert [unit.key for unit in accepted] == [key]
    assert [reject.key for reject in rejects] == [f"{key}#1", f"{key}#2"]
    assert {reject.code for reject in rejects} == {"duplicate"}
    assert rejects[1].message == "c.jpg has the same bytes as a.jpg"
    assert rejects[1].evidence["first"] == "a.jpg"


def test_withdrawal_is_of_the_bytes():
    accepted, rejects = units([source("a.jpg", withdrawn="asked to"), source("b.jpg")])
    assert accepted == []
    assert [reject.code for reject in rejects] == ["withdrawn", "withdrawn"]
    assert rejects[1].message == "b.jpg was withdrawn: asked to"


def test_replaced_bytes_that_came_back_are_a_unit_again():
    entries = [source("a.jpg", withdrawn="replaced"), source("a.jpg", "other"), source("a.jpg")]
    accepted, rejects = units(entries)
    assert [unit.position for unit in accepted] == [1, 2]
    assert [(reject.key, reject.code) for reject in rejects] == [(f"{source().key}#1", "replaced")]


def test_two_contents_with_one_key_are_told_apart():
    twin = source("b.jpg").model_copy(update={"sha256": str(source().sha256)[:16] + "0" * 48})
    accepted, rejects = units([source("a.jpg"), twin])
    assert len(accepted) == 1 and rejects[0].code == "key_collision"


def test_problem_keeps_its_code_and_gets_a_key_from_its_path():
    problem = Problem(code="not_a_file", message="is a FIFO: never opened")
    _, rejects = units([source("pipe.jpg", None, problem=problem)])
    assert rejects[0].key == hashlib.sha256(b"pipe.jpg").hexdigest()[:16]
    assert (rejects[0].code, rejects[0].message) == (
        "not_a_file",
        "pipe.jpg is a FIFO: never opened",
    )


def test_no_list_yet_is_an_empty_list(tmp_path):
    assert read_list(tmp_path / "none.jsonl") == []


def test_malformed_line_is_named(tmp_path):
    path = tmp_path / "sources.jsonl"
    write_list(path, [source()])
    for line in (b'{"path": "x"}\n', b"nonsense\n", b'{"path": "\xff"}\n'):
        path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n" + line)
        with pytest.raises(ScanError, match="line 2") as error:
            read_list(path)
        assert "\n" not in str(error.value)


@pytest.fixture
def listed(tmp_path):
    path = tmp_path / "sources.jsonl"
    write_list(path, [source("a.jpg"), source("sub/b.jpg", "b"), source("c.jpg")])
    return path


@pytest.mark.parametrize("what", ["a.jpg", "key", "sha256", "absolute"])
def test_withdraw_by_path_or_key(listed, tmp_path, what):
    names = {
        "key": source().key.upper(),
        "sha256": source().sha256,
        "absolute": str(tmp_path / "a.jpg"),
    }
    marked = withdraw(listed, names.get(what, what), " asked \n to ", tmp_path)
    by_content = what in ("key", "sha256")
    assert [entry.path for entry in marked] == (["a.jpg", "c.jpg"] if by_content else ["a.jpg"])
    entries = read_list(listed)
    assert len(entries) == 3 and entries[0].withdrawn == "asked to"
    assert entries[1].withdrawn is None
    assert [unit.source["path"] for unit in units(entries)[0]] == ["sub/b.jpg"]


def test_withdraw_needs_a_match_and_a_reason(listed, tmp_path):
    before = listed.read_bytes()
    with pytest.raises(ScanError, match="no entry in use"):
        withdraw(listed, "zzz.jpg", "asked to", tmp_path)
    for reason in ("", " \n", "replaced"):
        with pytest.raises(ScanError, match="needs a reason"):
            withdraw(listed, "a.jpg", reason, tmp_path)
    assert listed.read_bytes() == before
