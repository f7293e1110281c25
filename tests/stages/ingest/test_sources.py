from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.engine.storage.source_list import Problem, Source, read_list, write_list
from stages.engine.workspace import Workspace
from stages.ingest.sources import ScanError, make_units, withdraw


def make_source(path="a.jpg", content: str | None = "a", **more):
    sha = None if content is None else hashlib.sha256(content.encode()).hexdigest()
    values = {"bytes": 1, "sha256": sha, "licence": "MIT", "origin": "me", "batch": "b"}
    return Source(path=path, **{**values, **more})


CODES = st.sampled_from([None, Problem(code="unreadable", message="cannot be read")])
SOURCES = st.lists(
    st.builds(
        lambda path, content, withdrawn, problem: make_source(
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
def test_every_line_becomes_one_unit_or_one_reject(entries):
    accepted, rejects = make_units(entries)
    keys = [unit.key for unit in accepted] + [reject.key for reject in rejects]
    assert len(keys) == len(set(keys)) == len(entries)
    for unit in accepted:
        entry = entries[unit.position]
        assert unit.source == {"sha256": entry.sha256, "bytes": entry.bytes}
        assert unit.place == {"folder": entry.folder, "path": entry.path}
    assert [unit.position for unit in accepted] == sorted(unit.position for unit in accepted)


@given(SOURCES, SOURCES)
def test_growth_without_withdrawals_changes_no_unit(entries, more):
    more = [replace(entry, withdrawn=None) for entry in more]
    before, _ = make_units(entries)
    after, _ = make_units(entries + more)
    assert after[: len(before)] == before


@given(SOURCES)
def test_names_and_licences_change_no_unit_or_reject(entries):
    values = {"folder": "Elsewhere", "licence": "CC0-1.0", "origin": "you", "batch": "c"}
    changed = [replace(e, **values) if e.sha256 else e for e in entries]
    before, after = make_units(entries), make_units(changed)
    assert [(u.key, u.source) for u in after[0]] == [(u.key, u.source) for u in before[0]]
    assert after[1] == before[1]


def test_second_file_of_the_same_bytes_names_the_first():
    accepted, rejects = make_units(
        [make_source("a.jpg"), make_source("b.jpg"), make_source("c.jpg")]
    )
    key = make_source().key
    assert [unit.key for unit in accepted] == [key]
    assert [reject.key for reject in rejects] == [f"{key}#1", f"{key}#2"]
    assert {reject.code for reject in rejects} == {"duplicate"}
    assert rejects[1].message == "has the same bytes as an earlier photo"
    assert (rejects[1].evidence["line"], rejects[1].evidence["first"]) == (2, 0)


def test_withdrawal_applies_to_the_bytes():
    accepted, rejects = make_units(
        [make_source("a.jpg", withdrawn="asked to"), make_source("b.jpg")]
    )
    assert accepted == []
    assert [reject.code for reject in rejects] == ["withdrawn", "withdrawn"]
    assert rejects[1].message == "was withdrawn: asked to"


def test_replaced_bytes_that_reappear_are_a_unit_again():
    entries = [
        make_source("a.jpg", withdrawn="replaced"),
        make_source("a.jpg", "other"),
        make_source("a.jpg"),
    ]
    accepted, rejects = make_units(entries)
    assert [unit.position for unit in accepted] == [1, 2]
    assert [(reject.key, reject.code) for reject in rejects] == [
        (f"{make_source().key}#1", "replaced")
    ]


def test_two_contents_with_one_key_are_a_collision():
    twin = replace(make_source("b.jpg"), sha256=str(make_source().sha256)[:16] + "0" * 48)
    accepted, rejects = make_units([make_source("a.jpg"), twin])
    assert len(accepted) == 1 and rejects[0].code == "key_collision"


def test_problem_keeps_its_code_and_gets_a_key_from_its_path():
    problem = Problem(code="not_a_file", message="is a FIFO: never opened")
    _, rejects = make_units([make_source("pipe.jpg", None, problem=problem)])
    assert rejects[0].key == hashlib.sha256(b"pipe.jpg").hexdigest()[:16]
    assert (rejects[0].code, rejects[0].message) == ("not_a_file", "is a FIFO: never opened")


@pytest.fixture
def listed(tmp_path):
    workspace = Workspace(tmp_path)
    write_list(
        workspace.sources,
        [make_source("a.jpg"), make_source("sub/b.jpg", "b"), make_source("c.jpg")],
    )
    return workspace


@pytest.mark.parametrize("what", ["a.jpg", "key", "sha256", "absolute"])
def test_withdraw_accepts_a_path_or_a_key(listed, tmp_path, what):
    names = {
        "key": make_source().key.upper(),
        "sha256": make_source().sha256,
        "absolute": str(tmp_path / "a.jpg"),
    }
    marked = withdraw(listed, names.get(what, what), " asked \n to ")
    by_content = what in ("key", "sha256")
    assert [entry.path for entry in marked] == (["a.jpg", "c.jpg"] if by_content else ["a.jpg"])
    entries = read_list(listed.sources)
    assert len(entries) == 3 and entries[0].withdrawn == "asked to"
    assert entries[1].withdrawn is None
    assert [unit.place["path"] for unit in make_units(entries)[0]] == ["sub/b.jpg"]


def test_withdraw_needs_a_match_and_a_reason(listed):
    before = read_list(listed.sources)
    with pytest.raises(ScanError, match=r"no entry in use.*sha256sum"):
        withdraw(listed, "zzz.jpg", "asked to")
    for reason in ("", " \n", "replaced"):
        with pytest.raises(ScanError, match="needs a reason"):
            withdraw(listed, "a.jpg", reason)
    assert read_list(listed.sources) == before
