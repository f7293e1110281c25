"""Find the DVC commands that hold locks in a workspace.

DVC notes in ``.dvc/tmp/rwlock`` which process reads and writes which path, by pid and command line,
and takes the process to be alive if the pid exists. After a container's restart the pid may belong
to another process, and a crash while the file is written leaves it truncated. Hence this module
also compares the command line and the start time.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import psutil

from flows.repository import translate_errors
from stages import STAGES
from stages.engine.files import write_atomically
from stages.engine.workspace import Workspace

_CLOCK_SECONDS = 60.0
"""Tolerance for clock corrections between a process's start and its note."""

Note = dict[str, Any]


@dataclass(frozen=True)
class Holder:
    """A running DVC command."""

    command: str
    pid: int | None = None
    writes: tuple[str, ...] = ()
    """Absolute paths."""

    def __str__(self) -> str:
        return f"`{self.command}`" + (f" (process {self.pid})" if self.pid else "")


def holders(workspace: Workspace, say: Callable[[str], None]) -> list[Holder]:
    """Find the running DVC commands; remove notes of dead processes from DVC's lock file.

    What is removed is reported to `say`.
    """
    from dvc.lock import LockError, make_lock
    from dvc.repo import Repo
    from dvc.rwlock import RWLOCK_FILE, RWLOCK_LOCK

    with translate_errors(workspace), Repo(str(workspace.root)) as repo:
        folder = Path(str(repo.tmp_dir))
        hardlink = repo.config["core"].get("hardlink_lock", False)
    try:
        # A running command holds the repository's lock or, while its stage runs, has a note.
        with (
            make_lock(str(folder / "lock"), str(folder), hardlink_lock=hardlink),
            make_lock(str(folder / RWLOCK_LOCK), str(folder), hardlink_lock=hardlink),
        ):
            return _remove_dead_notes(folder / RWLOCK_FILE, say)
    except LockError:
        return writers(workspace) or [Holder("a DVC command")]


def writers(workspace: Workspace) -> list[Holder]:
    """Find the DVC commands that are running a stage, without changing DVC's lock file."""
    path = workspace.root / ".dvc" / "tmp" / "rwlock"
    try:
        return _find_holders(_read_notes(path), path.stat().st_mtime)
    except (OSError, ValueError):  # no file, or DVC is writing it
        return []


def running_stages(workspace: Workspace) -> dict[str, Holder]:
    """Find the stages that are running, each with the DVC command that runs it."""
    found = writers(workspace)
    return {
        stage: holder
        for stage in STAGES
        for holder in found
        if str(workspace.stage(stage)) in holder.writes
    }


def _remove_dead_notes(path: Path, say: Callable[[str], None]) -> list[Holder]:
    """Remove notes of dead processes and return the live holders; call with DVC's locks held."""
    try:
        content, written = _read_notes(path), path.stat().st_mtime
    except FileNotFoundError:
        return []
    except ValueError:
        path.unlink()
        say(f"removed {path}, which a crash had left truncated")
        return []
    alive: dict[str, Any] = {
        "write": {p: note for p, note in content["write"].items() if _is_alive(note, written)},
        "read": {
            p: left
            for p, notes in content["read"].items()
            if (left := [note for note in notes if _is_alive(note, written)])
        },
    }
    if alive != content:
        dead = {note["pid"] for _, note in _iterate_notes(content)} - {
            n["pid"] for _, n in _iterate_notes(alive)
        }
        write_atomically(path, json.dumps(alive).encode())
        say(f"removed DVC's locks of dead processes: {', '.join(map(str, dead))}")
    return _find_holders(alive, written)


def _read_notes(path: Path) -> dict[str, Any]:
    """Read DVC's lock file.

    Raises:
        ValueError: its content is not what DVC writes.
    """
    from dvc.rwlock import SCHEMA
    from voluptuous import Invalid

    try:
        return cast(dict[str, Any], SCHEMA(json.loads(path.read_bytes())))
    except Invalid as error:
        raise ValueError(str(error)) from error


def _iterate_notes(content: dict[str, Any]) -> Iterator[tuple[str, Note]]:
    yield from content.get("write", {}).items()
    for path, notes in content.get("read", {}).items():
        yield from ((path, note) for note in notes)


def _find_holders(content: dict[str, Any], written: float) -> list[Holder]:
    found: dict[tuple[int, str], list[str]] = {}
    for _, note in _iterate_notes(content):
        if _is_alive(note, written):
            found.setdefault((note["pid"], note["cmd"]), [])
    for path, note in content.get("write", {}).items():
        if (note["pid"], note["cmd"]) in found:
            found[note["pid"], note["cmd"]].append(path)
    return [Holder(_shorten_command(cmd), pid, tuple(paths)) for (pid, cmd), paths in found.items()]


def _shorten_command(command: str) -> str:
    """Shorten ``/x/bin/dvc repro`` and ``/x/dvc/__main__.py repro`` to ``dvc repro``."""
    first, *rest = command.split() or ["dvc"]
    program = Path(first)
    name = program.parent.name if program.name == "__main__.py" else program.name
    return " ".join([name, *rest])


def _is_alive(note: Note, written: float) -> bool:
    """Whether the process of a note, written at `written` or before, is still the one that runs."""
    try:
        process = psutil.Process(note["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return process.create_time() <= written + _CLOCK_SECONDS and _matches(
            process.cmdline(), note["cmd"]
        )
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # another user's process: assume that it is the one
        return True


def _matches(command_line: list[str], noted: str) -> bool:
    """Whether a command line is the noted one, ignoring the interpreter and the script's path."""
    arguments = noted.split()[1:]
    words = " ".join(command_line).split()
    return words[len(words) - len(arguments) :] == arguments and len(words) > len(arguments)
