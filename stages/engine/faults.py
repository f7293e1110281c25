"""Reports errors at the edge: one line for what the user can fix, a traceback file for the rest."""

from __future__ import annotations

import errno
import sqlite3
import sys
import tempfile
import time
import traceback
from pathlib import Path

from stages.engine.printing import printable
from stages.engine.workspace import FactoryError, Workspace

_REMEDIES = {
    errno.ENOSPC: "free some space and run it again; results computed so far are kept",
    errno.EDQUOT: "free some of your quota and run it again; results computed so far are kept",
    errno.EROFS: "the folder is read-only: only status, plan, diff and verify work there",
    errno.EACCES: "you have no permission to read or write there; does it belong to another user?",
    errno.EPERM: "you have no permission to do that; does it belong to another user?",
    errno.EMFILE: "raise the limit of open files (ulimit -n) or lower executor.workers",
}
"""Remedies by error number; an error with one is reported even if it names no file."""
_NO_MEMORY = (
    "can't allocate memory",  # torch on the CPU
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)
"""Text of errors of torch that mean that memory could not be allocated."""


def user_message(error: BaseException) -> str | None:
    """Return the message of an expected error, with the place and the remedy; None for others.

    Names of files in it are printable.
    """
    message = _find_message(error)
    return message and printable(message)


def _find_message(error: BaseException) -> str | None:
    if isinstance(error, FactoryError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        remedy = remedy_of(error)
        if error.filename is None and remedy is None:
            return None
        parts = [error.filename and str(error.filename), error.strerror, remedy]
        return ": ".join(part for part in parts if part)
    if isinstance(error, sqlite3.OperationalError):
        return (
            f"a database cannot be written ({error}): is the disk full (`df -h . /var/tmp`)? Free "
            "some space and run it again; or is a folder read-only?"
        )
    if is_out_of_memory(error):
        return "out of memory: lower executor.workers in factory.toml, or use smaller photos"
    return None


def is_out_of_memory(error: BaseException) -> bool:
    """Whether memory, of the machine or of a GPU, could not be allocated.

    Does not import torch: its errors cannot have been raised unless it is imported. Most of them
    are plain RuntimeErrors, which only their text tells apart.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    if isinstance(error, getattr(sys.modules.get("torch"), "OutOfMemoryError", ())):
        return True
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _NO_MEMORY)


def remedy_of(error: OSError) -> str | None:
    """Return what to do about a system error; None if nothing general is known."""
    return None if error.errno is None else _REMEDIES.get(error.errno)


def save_traceback(error: BaseException) -> str:
    """Write an unexpected error's traceback to a file and return a line that names the file."""
    name = time.strftime("crash-%Y%m%d-%H%M%S.txt")
    text = "".join(traceback.format_exception(error))
    what = printable(f"{type(error).__name__}: {error}".splitlines()[0])
    for folder in _traceback_folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return f"{what}; this is a bug in flawfactory, its traceback is in {folder / name}"
    return f"{what}; its traceback could not be written to any folder:\n{text}"


def _traceback_folders() -> list[Path]:
    """Return the folders to try, best first."""
    temporary = Path(tempfile.gettempdir())
    try:
        return [Workspace.find().reports, temporary]
    except FactoryError:
        return [temporary]
