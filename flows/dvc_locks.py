"""Who holds DVC's locks in a workspace, by more than a process number.

DVC notes in ``.dvc/tmp/rwlock`` which process reads and writes which path, as a number and a
command line, and takes the number's existence for the process's. After a container's restart
somebody else may have it; a crash while the file is written leaves half of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from flows.repository import told_in_a_line
from stages import STAGES
from stages.engine.files import write_atomically
from stages.engine.workspace import Workspace

_CLOCK_SECONDS = 60.0
"""Clocks are corrected by less than this between the start of a process and its note."""

Note = dict[str, Any]


@dataclass(frozen=True)
class Holder:
    """A DVC command at work."""

    command: str
    pid: int | None = None
    writes: tuple[str, ...] = ()
    """Paths, absolute."""

    def __str__(self) -> str:
        return f"`{self.command}`" + (f" (process {self.pid})" if self.pid else "")


def holders(workspace: Workspace, say: Callable[[str], None]) -> list[Holder]:
    """DVC commands at work. Notes of processes that are gone are removed from DVC's file."""
    from dvc.lock import LockError, make_lock
    from dvc.repo import Repo
    from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK

    with told_in_a_line(workspace), Repo(str(workspace.root)) as repo:
        folder = Path(str(repo.tmp_dir))
        hardlink = repo.config["core"].get("hardlink_lock", False)
    try:
        # A command at work holds the repository's lock, or while its stage runs a note.
        with (
            make_lock(str(folder / "lock"), str(folder), hardlink_lock=hardlink),
            make_lock(str(folder / RWLOCK_LOCK), str(folder), hardlink_lock=hardlink),
        ):
            return _without_the_dead(folder / RWLOCK_FILE, say)
    except LockError:
        return writers(workspace) or [Holder("a DVC command")]


def writers(workspace: Workspace) -> list[Holder]:
    """DVC commands that run a stage now, from a look at DVC's file that changes nothing."""
    path = workspace.root / ".dvc" / "tmp" / "rwlock"
    try:
        return _holders(_read(path), path.stat().st_mtime)
    except (OSError, ValueError):  # none, or DVC is writing it
        return []


def running(workspace: Workspace) -> dict[str, Holder]:
    """Stages that are at work now, and for whom."""
    found = writers(workspace)
    return {
        stage: holder
        for stage in STAGES
        for holder in found
        if str(workspace.stage(stage)) in holder.writes
    }


def _without_the_dead(path: Path, say: Callable[[str], None]) -> list[Holder]:
    """Live holders; to be called while nobody else may write the file."""
    try:
        content, written = _read(path), path.stat().st_mtime
    except FileNotFoundError:
        return []
    except ValueError:
        path.unlink()
        say(f"removed {path}: a crash had left half of it")
        return []
    alive: dict[str, Any] = {
        "write": {p: note for p, note in content["write"].items() if _alive(note, written)},
        "read": {
            p: left
            for p, notes in content["read"].items()
            if (left := [note for note in notes if _alive(note, written)])
        },
    }
    if alive != content:
        dead = {note["pid"] for _, note in _notes(content)} - {n["pid"] for _, n in _notes(alive)}
        write_atomically(path, json.dumps(alive).encode())
        say(f"DVC's locks of processes that are gone were removed: {', '.join(map(str, dead))}")
    return _holders(alive, written)


def _read(path: Path) -> dict[str, Any]:
    """Raises: ValueError: this is not what DVC writes."""
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        return cast(dict[str, Any], SCHEMA(json.loads(path.read_bytes())))
    except Invalid as error:
        raise ValueError(str(error)) from error


def _notes(content: dict[str, Any]) -> Iterator[tuple[str, Note]]:
    yield from content.get("write", {}).items()
    for path, notes in content.get("read", {}).items():
        yield from ((path, note) for note in notes)


def _holders(content: dict[str, Any], written: float) -> list[Holder]:
    found: dict[tuple[int, str], list[str]] = {}
    for _, note in _notes(content):
        if _alive(note, written):
            found.setdefault((note["pid"], note["cmd"]), [])
    for path, note in content.get("write", {}).items():
        if (note["pid"], note["cmd"]) in found:
            found[note["pid"], note["cmd"]].append(path)
    return [Holder(_readable(cmd), pid, tuple(paths)) for (pid, cmd), paths in found.items()]


def _readable(command: str) -> str:
    """``/x/bin/dvc repro`` and ``/x/dvc/__main__.py repro`` as ``dvc repro``."""
    first, *rest = command.split() or ["dvc"]
    program = Path(first)
    name = program.parent.name if program.name == "__main__.py" else program.name
    return " ".join([name, *rest])


def _alive(note: Note, written: float) -> bool:
    """Whether the process of a note still is the one that wrote it, at `written` or before."""
    try:
        process = psutil.Process(note["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() <= written + _CLOCK_SECONDS and _runs(
            process.cmdline(), note["cmd"]
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # somebody else's: nothing speaks against it
        return True


def _runs(command_line: list[str], noted: str) -> bool:
    """Whether a command line is the noted one but for the interpreter and the script's spelling."""
    arguments = noted.split()[1:]
    words = " ".join(command_line).split()
    return words[len(words) - len(arguments) :] == arguments and len(words) > len(arguments)
