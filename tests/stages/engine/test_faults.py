import errno
import os
import sqlite3
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from stages.engine import faults
from stages.engine.faults import is_out_of_memory, save_traceback, user_message
from stages.engine.workspace import FactoryError


def failing(number, filename=None):
    return OSError(number, os.strerror(number), filename)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FactoryError("no such tool; known: add"), "no such tool; known: add"),
        (failing(errno.ENOENT, "a b.png"), "a b.png: No such file or directory"),
        (failing(errno.ENOTDIR, "/etc/passwd/images"), "/etc/passwd/images: Not a directory"),
        (
            failing(errno.ENOSPC),
            "No space left on device: free some space and run it again; results computed so far "
            "are kept",
        ),
        (
            failing(errno.EROFS, "/ro/data"),
            "/ro/data: Read-only file system: the folder is read-only: only status, plan, diff and "
            "verify work there",
        ),
        (
            failing(errno.EACCES, "/x"),
            "/x: Permission denied: you have no permission to read or write there; does it belong "
            "to another user?",
        ),
        (
            sqlite3.OperationalError("database or disk is full"),
            "a database cannot be written (database or disk is full): is the disk full "
            "(`df -h . /var/tmp`)? Free some space and run it again; or is a folder read-only?",
        ),
        (
            MemoryError(),
            "out of memory: lower executor.workers in factory.toml, or use smaller photos",
        ),
    ],
)
def test_expected_errors_are_one_line(error, line):
    assert user_message(error) == line


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("x"), TypeError(), OSError("no number"), failing(errno.EIO)]
)
def test_other_errors_have_no_user_message(error):
    assert user_message(error) is None


class OutOfMemoryError(RuntimeError):
    """As torch's own."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        failing(errno.ENOMEM),
        OutOfMemoryError("HIP out of memory"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ],
)
def test_missing_memory_is_told_apart(error, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(OutOfMemoryError=OutOfMemoryError))
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("shapes do not match"))


def test_torch_is_not_needed_to_tell_missing_memory_apart(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch", raising=False)
    assert is_out_of_memory(MemoryError()) and not is_out_of_memory(ValueError())
    assert "torch" not in sys.modules


def unexpected_error() -> Exception:
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


def test_unexpected_errors_leave_their_traceback_in_a_file(checkout):
    line = save_traceback(unexpected_error())
    (file,) = (checkout / "data" / ".report").iterdir()
    assert line.startswith("KeyError: 'lost'") and str(file) in line and "\n" not in line
    text = file.read_text()
    assert "Traceback" in text and '{}["lost"]' in text


def test_without_a_writable_checkout_the_traceback_is_in_the_temporary_folder(
    checkout, monkeypatch, tmp_path
):
    (checkout / "data").write_text("no folder")
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setattr(faults.tempfile, "gettempdir", lambda: str(elsewhere))
    assert str(elsewhere) in save_traceback(unexpected_error())
    elsewhere.rename(tmp_path / "gone")
    elsewhere.write_text("a full disk")
    assert "Traceback" in save_traceback(unexpected_error())


def test_outside_a_checkout_the_traceback_is_in_the_temporary_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("FLAWFACTORY_ROOT", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(faults.tempfile, "gettempdir", lambda: str(tmp_path / "tmp"))
    assert Path(save_traceback(unexpected_error()).rpartition(" ")[2]).parent == tmp_path / "tmp"
