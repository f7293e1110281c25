import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.dvc_locks import holders, running_stages, writers
from stages.engine.workspace import Workspace

Start = Callable[..., subprocess.Popen]
PROGRAM = "import time; time.sleep(600)"


@pytest.fixture
def start() -> Iterator[Start]:
    """Start sleeping processes with arguments in their command line."""
    started: list[subprocess.Popen] = []

    def begin(*arguments: str) -> subprocess.Popen:
        started.append(subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments]))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()


def lock_file(workspace: Workspace) -> Path:
    return workspace.root / ".dvc" / "tmp" / "rwlock"


def write_note(workspace: Workspace, pid: int, command: str) -> dict[str, Any]:
    """Write a note that a process runs ingest."""
    info = {"pid": pid, "cmd": command}
    out, source = str(workspace.stage("ingest")), str(workspace.sources)
    content = {"write": {out: info}, "read": {source: [info]}}
    lock_file(workspace).write_text(json.dumps(content))
    return content


def ask_holders(workspace: Workspace) -> tuple[list[str], list[str]]:
    """Return the holders and the messages."""
    said: list[str] = []
    return [str(holder) for holder in holders(workspace, said.append)], said


def test_an_idle_workspace_has_no_holders(workspace: Workspace) -> None:
    assert ask_holders(workspace) == ([], [])


def test_a_running_command_is_named_with_its_stage(workspace: Workspace, start: Start) -> None:
    process = start("repro", "ingest")
    content = write_note(workspace, process.pid, "/usr/bin/dvc repro ingest")
    assert ask_holders(workspace) == ([f"`dvc repro ingest` (process {process.pid})"], [])
    assert list(running_stages(workspace)) == ["ingest"]
    assert json.loads(lock_file(workspace).read_text()) == content


def test_another_process_with_the_same_pid_is_not_a_holder(
    workspace: Workspace, start: Start
) -> None:
    process = start("something", "else")
    write_note(workspace, process.pid, "/usr/bin/dvc repro ingest")
    assert writers(workspace) == []
    found, said = ask_holders(workspace)
    assert found == [] and str(process.pid) in said[0]
    assert json.loads(lock_file(workspace).read_text()) == {"write": {}, "read": {}}


def test_a_process_that_began_after_the_note_is_not_a_holder(
    workspace: Workspace, start: Start
) -> None:
    process = start("repro", "ingest")
    write_note(workspace, process.pid, "/usr/bin/dvc repro ingest")
    an_hour_ago = time.time() - 3600
    os.utime(lock_file(workspace), (an_hour_ago, an_hour_ago))
    assert ask_holders(workspace)[0] == []


def test_a_zombie_is_not_a_holder(workspace: Workspace, start: Start) -> None:
    process = start("repro", "ingest")
    write_note(workspace, process.pid, "/usr/bin/dvc repro ingest")
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert ask_holders(workspace)[0] == []


def test_a_truncated_lock_file_is_removed(workspace: Workspace) -> None:
    for content in ('{"write": {"/a": {"pid"', "", "[]", '{"write": 3}'):
        lock_file(workspace).write_text(content)
        assert writers(workspace) == []
        found, said = ask_holders(workspace)
        assert found == [] and str(lock_file(workspace)) in said[0]
        assert not lock_file(workspace).exists()
    assert ask_holders(workspace) == ([], [])
