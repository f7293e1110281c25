"""Temporary files and folders that are locked while they are written, so that those that killed
processes left behind can be told from those in use."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_NAME = re.compile(r"\..+\.[0-9a-f]{12}")
_FOREIGN_SECONDS = 24 * 3600.0
"""Age from which a temporary file of another machine counts as left behind: locks are not shared by
all network file systems."""


@cache
def _machine() -> str:
    return hashlib.sha256(socket.gethostname().encode()).hexdigest()[:4]


def _make_name(name: str) -> str:
    """Return ``.NAME.MMMMRRRRRRRR``: digits of the machine, then random ones."""
    return f".{name}.{_machine()}{secrets.token_hex(4)}"


def is_temporary(path: Path) -> bool:
    """Whether a path is named like the files and folders of this module."""
    return _NAME.fullmatch(path.name) is not None


@contextmanager
def hold_temporary_file(path: Path) -> Iterator[tuple[Path, int]]:
    """Yield a new empty file beside `path`, locked, and its descriptor; remove it at the end unless
    it was renamed."""
    while True:
        temporary = path.with_name(_make_name(path.name))
        # tempfile would create it with mode 0600, which survives a rename.
        held = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        _lock(held)
        if os.fstat(held).st_nlink:  # it was not removed before it was locked
            break
        os.close(held)
    try:
        yield temporary, held
    finally:
        temporary.unlink(missing_ok=True)
        os.close(held)


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new folder in `parent`, locked, or in the system's folder for temporary files if
    `parent` cannot be written; remove it at the end."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = parent / _make_name(name)
        folder.mkdir(mode=0o700)
    except OSError:
        with tempfile.TemporaryDirectory(prefix=f"{name}-") as elsewhere:
            yield Path(elsewhere)
        return
    held = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _lock(held)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _lock(held: int) -> None:
    with suppress(OSError):  # a file system without locks, on which nothing is removed as left over
        fcntl.flock(held, fcntl.LOCK_EX)


def remove_leftovers(paths: Iterable[Path]) -> list[Path]:
    """Remove those of the temporary files and folders that no process is writing; return them.

    Those that another machine made are kept for a day.
    """
    return [path for path in paths if is_temporary(path) and _remove_if_left(path)]


def _remove_if_left(path: Path) -> bool:
    try:
        is_folder = path.is_dir()
        held = os.open(path, os.O_CLOEXEC | (os.O_RDONLY if is_folder else os.O_RDWR))
    except OSError:  # its writer has just renamed it, or it belongs to another user
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        own = path.name.rpartition(".")[2].startswith(_machine())
        if not own and time.time() - os.fstat(held).st_mtime < _FOREIGN_SECONDS:
            return False
        shutil.rmtree(path) if is_folder else path.unlink()
    except OSError:  # in use, or without locks, or gone
        return False
    finally:
        os.close(held)
    return True
