from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.engine.storage import source_list
from stages.engine.storage.source_list import (
    Names,
    Problem,
    Source,
    SourceListError,
    exists,
    read_list,
    write_list,
)


def source(path="a.jpg", content: str | None = "a", **more):
    sha = None if content is None else hashlib.sha256(content.encode()).hexdigest()
    values = {"bytes": 1, "sha256": sha, "licence": "MIT", "origin": "me", "batch": "b"}
    return Source(path=path, **{**values, **more})


PROBLEMS = st.sampled_from([None, Problem(code="unreadable", message="cannot be read")])
SOURCES = st.lists(
    st.builds(
        lambda path, content, withdrawn, problem, folder: source(
            path,
            None if problem else content,
            withdrawn=withdrawn,
            problem=problem,
            folder=folder,
        ),
        st.sampled_from(["a.jpg", "b.jpg", "ü \u2028.jpg"]),
        st.sampled_from("xyz"),
        st.sampled_from([None, None, "replaced", "asked to"]),
        PROBLEMS,
        st.sampled_from([None, "Pictures"]),
    ),
    max_size=12,
)


def parts(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.jsonl")}


@given(SOURCES)
def test_a_written_list_is_read_back(tmp_path_factory, entries):
    folder = tmp_path_factory.mktemp("list") / "data" / "sources"
    assert write_list(folder, entries)
    assert not write_list(folder, entries)
    assert read_list(folder) == entries


@given(SOURCES, SOURCES)
def test_a_shorter_list_removes_old_parts(tmp_path_factory, entries, others):
    folder = tmp_path_factory.mktemp("list")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source_list, "PART_LINES", 2)
        write_list(folder, entries)
        write_list(folder, others)
        assert read_list(folder) == others


def test_new_lines_rewrite_the_last_parts_only(tmp_path, monkeypatch):
    monkeypatch.setattr(source_list, "PART_LINES", 3)
    entries = [source(f"{n}.jpg", str(n)) for n in range(7)]
    write_list(tmp_path, entries)
    before = parts(tmp_path)
    assert len(before) == 6
    write_list(tmp_path, [*entries, source("new.jpg", "new")])
    after = parts(tmp_path)
    assert {name for name in before if before[name] != after[name]} == {
        "photos/00002.jsonl",
        "words/00002.jsonl",
    }


def test_names_and_licences_do_not_change_the_photos_half(tmp_path):
    write_list(tmp_path, [source()])
    before = parts(tmp_path)
    other = source(folder="Pictures", licence="CC0-1.0", origin="you", batch="c", path="trip/a.jpg")
    write_list(tmp_path, [other])
    after = parts(tmp_path)
    assert after["photos/00000.jsonl"] == before["photos/00000.jsonl"]
    assert after["words/00000.jsonl"] != before["words/00000.jsonl"]
    photo = json.loads(after["photos/00000.jsonl"])
    assert set(photo) == {"bytes", "sha256"}


def test_creator_and_title_are_written_only_where_they_are_given(tmp_path):
    entries = [source("a.jpg", "a"), source("b.jpg", "b", creator="Ada", title="Dusk")]
    write_list(tmp_path, entries)
    assert read_list(tmp_path) == entries
    first, second = map(json.loads, parts(tmp_path)["words/00000.jsonl"].splitlines())
    assert not {"creator", "title"} & set(first)
    assert (second["creator"], second["title"]) == ("Ada", "Dusk")


def test_a_missing_list_is_empty(tmp_path):
    assert not exists(tmp_path / "none") and read_list(tmp_path / "none") == []


@pytest.mark.parametrize(
    ("half", "line"),
    [
        ("photos", b'{"sha256": 7}\n'),
        ("photos", b"nonsense\n"),
        ("photos", b"[]\n"),
        ("words", b'{"path": "\xff"}\n'),
        ("words", b'{"key": "0000000000000000", "path": "a", "licence": "", "origin": "",'
                  b' "batch": ""}\n'),
        ("words", b'{"path": "a", "size": 1}\n'),
    ],
)  # fmt: skip
def test_a_malformed_line_is_named_with_its_remedy(tmp_path, half, line):
    write_list(tmp_path, [source(), source("b.jpg", "b")])
    part = tmp_path / half / "00000.jsonl"
    part.write_bytes(part.read_bytes().split(b"\n")[0] + b"\n" + line)
    with pytest.raises(
        SourceListError, match=f"{half}.00000.jsonl, line 2.*checkout --force"
    ) as error:
        read_list(tmp_path)
    assert "\n" not in str(error.value)


def test_halves_of_different_length_are_refused(tmp_path):
    write_list(tmp_path, [source(), source("b.jpg", "b")])
    part = tmp_path / "words" / "00000.jsonl"
    part.write_bytes(part.read_bytes().split(b"\n")[0] + b"\n")
    with pytest.raises(SourceListError, match="differ in length"):
        read_list(tmp_path)


def test_names_prefer_the_file_in_use(tmp_path):
    old, other = source("old.jpg", withdrawn="replaced"), source("b.jpg", "b", folder="Pictures")
    write_list(tmp_path, [old, other, source("new.jpg")])
    names = Names.of_list(tmp_path)
    assert names.name(source().key) == names.name(f"{source().key}#1") == "new.jpg"
    assert names.name(source().key, line=0) == "old.jpg"
    assert names.name(other.key) == "Pictures/b.jpg"
    assert names.name("f" * 16) == "f" * 16
