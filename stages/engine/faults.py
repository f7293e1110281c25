"""What becomes of an error at the edge: a line for what a person can mend, a file for the rest."""

from __future__ import annotations

import errno
import sqlite3
import tempfile
import time
import traceback
from pathlib import Path

from stages.engine.workspace import FactoryError, Workspace

_REMEDIES = {
    errno.ENOSPC: "free some space and run it again; what was computed is kept",
    errno.EDQUOT: "free some of your quota and run it again; what was computed is kept",
    errno.EROFS: "the folder is read-only: only status, plan, diff and verify work there",
    errno.EACCES: "you may not read or write there; is it another user's?",
    errno.EPERM: "you may not do that there; is it another user's?",
    errno.EMFILE: "raise the limit of open files (ulimit -n) or lower executor.workers",
}
"""By cause, which needs no file to be named."""


def told(error: BaseException) -> str | None:
    """An expected error as one message, which says where and what to do; None for any other."""
    if isinstance(error, FactoryError):
        return str(error)
    if isinstance(error, OSError) and error.errno is not None:
        remedy = _REMEDIES.get(error.errno)
        if error.filename is None and remedy is None:
            return None
        words = [error.filename and str(error.filename), error.strerror, remedy]
        return ": ".join(word for word in words if word)
    if isinstance(error, sqlite3.OperationalError):
        return f"a database cannot be written ({error}): is the disk full, or the folder read-only?"
    if isinstance(error, MemoryError):
        return "out of memory: lower executor.workers in factory.toml, or use smaller photos"
    return None


def keep_traceback(error: BaseException) -> str:
    """Write an unexpected error's traceback into a file; returns a line that says where it is."""
    name = time.strftime("crash-%Y%m%d-%H%M%S.txt")
    text = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {error}".splitlines()[0]
    for folder in _folders():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8", errors="backslashreplace")
        except OSError:
            continue
        return f"{what}; this is a fault of flawfactory, its traceback is in {folder / name}"
    return f"{what}; its traceback could not be written anywhere:\n{text}"


def _folders() -> list[Path]:
    """Where a traceback may lie, best first."""
    here = Path(tempfile.gettempdir())
    try:
        return [Workspace.find().reports, here]
    except FactoryError:
        return [here]
