from __future__ import annotations

import os
import socket

import pytest

from stages.engine.storage.digests import Digests
from stages.ingest.files import MAX_HASHED, FileProblem, digest_capped, open_regular, read_capped


def problem_code(path, max_bytes=100):
    with pytest.raises(FileProblem) as found:
        read_capped(path, max_bytes)
    return found.value.code


def test_files_are_read_up_to_the_limit(tmp_path):
    path = tmp_path / "a b ü.png"
    path.write_bytes(b"x" * 100)
    assert read_capped(path, 100) == b"x" * 100
    assert problem_code(path, 99) == "too_large"


def test_irregular_files_are_not_opened(tmp_path, monkeypatch):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "link.jpg").symlink_to(tmp_path / "fifo.jpg")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket.jpg"))
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
    for name in ("fifo.jpg", "link.jpg", "socket.jpg", "."):
        assert problem_code(tmp_path / name) == "not_a_file"
    listener.close()


def test_fifo_that_replaces_a_file_does_not_block(tmp_path, monkeypatch):
    (tmp_path / "a.jpg").write_bytes(b"x")
    os.mkfifo(tmp_path / "fifo")
    real = os.open
    monkeypatch.setattr(os, "open", lambda _, flags: real(tmp_path / "fifo", flags))
    assert problem_code(tmp_path / "a.jpg") == "not_a_file"


def test_missing_files_broken_links_and_loops_are_problems(tmp_path):
    (tmp_path / "nowhere.jpg").symlink_to(tmp_path / "gone")
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    assert problem_code(tmp_path / "absent.jpg") == "missing"
    assert problem_code(tmp_path / "nowhere.jpg") == "missing"
    assert problem_code(tmp_path / "loop.jpg") == "unreadable"


def test_unreadable_file_is_a_problem_with_the_systems_reason(tmp_path, monkeypatch):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(FileProblem, match="Permission denied"), open_regular(path):
        pass
    assert problem_code(path) == "unreadable"


def test_read_error_is_a_problem(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x")
    with pytest.raises(FileProblem) as found, open_regular(path):
        raise OSError(5, "Input/output error")
    assert found.value.code == "unreadable"


def test_empty_and_oversized_files_are_problems(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    with (tmp_path / "endless.jpg").open("wb") as file:
        file.truncate(MAX_HASHED + 1)
    for name, code in [("empty.jpg", "empty"), ("endless.jpg", "too_large")]:
        with pytest.raises(FileProblem) as found:
            digest_capped(tmp_path / name, Digests(None))
        assert found.value.code == code
