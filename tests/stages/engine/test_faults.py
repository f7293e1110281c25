import errno
import os
import sqlite3
from pathlib import Path

import pytest

from stages.engine import faults
from stages.engine.faults import keep_traceback, told
from stages.engine.workspace import FactoryError


def failing(number, filename=None):
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FactoryError("no such tool; known: add"), "no such tool; known: add"),
        (FileNotFoundError(2, "No such file or directory", "a b.png"), "a b.png: No such file"),
        (
            NotADirectoryError(20, "Not a directory", "/etc/passwd/images"),
            "/etc/passwd/images: Not",
        ),
        (failing(errno.ENOSPC), "No space left on device: free some space and run it again"),
        (failing(errno.EROFS, "/ro/data"), "/ro/data: Read-only file system: the folder is read-"),
        (PermissionError(13, "Permission denied", "/x"), "/x: Permission denied: you may not"),
        (sqlite3.OperationalError("database or disk is full"), "(database or disk is full)"),
        (MemoryError(), "out of memory: lower executor.workers"),
    ],
)
def test_what_a_person_can_mend_is_one_line(error, line):
    words = told(error)
    assert words is not None and line in words and "\n" not in words


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), TypeError(), OSError("no number"), failing(errno.EIO)]
)
def test_any_other_error_is_ours(error):
    assert told(error) is None


def raised() -> Exception:
    try:
        {}["lost"]
    except KeyError as error:
        return error
    raise AssertionError


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    (tmp_path / "dvc.yaml").touch()
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    return tmp_path


def test_our_faults_leave_their_traceback_in_a_file(checkout):
    line = keep_traceback(raised())
    (file,) = (checkout / "data" / ".report").iterdir()
    assert line.startswith("KeyError: 'lost'") and str(file) in line and "\n" not in line
    text = file.read_text()
    assert "Traceback" in text and '{}["lost"]' in text


def test_where_the_checkout_cannot_be_written_it_lies_elsewhere(checkout, monkeypatch, tmp_path):
    (checkout / "data").write_text("no folder")
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(faults.tempfile, "gettempdir", lambda: str(elsewhere))
    assert str(elsewhere) in keep_traceback(raised())
    elsewhere.rename(tmp_path / "gone")
    elsewhere.write_text("a full disk")
    assert "Traceback" in keep_traceback(raised())


def test_outside_a_checkout_it_lies_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("FLAWFACTORY_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(faults.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    assert Path(keep_traceback(raised()).rpartition(" ")[2]).parent == tmp_path / "tmp"
