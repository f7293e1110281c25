import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from stages.engine import temporaries
from stages.engine.files import replacing
from stages.engine.temporaries import (
    hold_temporary_file,
    is_temporary,
    remove_leftovers,
    temporary_folder,
)

KILLED = """
import os, signal, sys
from pathlib import Path
from stages.engine.files import replacing
from stages.engine.temporaries import temporary_folder
folder = Path(sys.argv[1])
with replacing(folder / "result") as temporary, temporary_folder(folder, "reader") as reader:
    temporary.write_bytes(b"half")
    (reader / "file").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def left(tmp_path: Path) -> list[Path]:
    """A file and a folder that a killed process was writing."""
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
    assert done.returncode == -signal.SIGKILL
    found = sorted(tmp_path.iterdir())
    assert [path.is_dir() for path in found] == [True, False] and all(map(is_temporary, found))
    return found


def test_what_a_killed_process_was_writing_is_removed(left: list[Path], tmp_path: Path) -> None:
    assert remove_leftovers(left) == left
    assert not list(tmp_path.iterdir())


def test_what_is_being_written_stays(tmp_path: Path) -> None:
    with replacing(tmp_path / "result") as temporary, temporary_folder(tmp_path, "reader"):
        temporary.write_bytes(b"all")
        assert len(list(tmp_path.iterdir())) == 2
        assert remove_leftovers(tmp_path.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["result"]
    assert remove_leftovers([tmp_path / "result"]) == []


def test_what_another_machine_left_stays_for_a_day(
    left: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(temporaries, "_machine", lambda: "none")
    assert remove_leftovers(left) == []
    for path in left:
        os.utime(path, (0, 0))
    assert remove_leftovers(left) == left


def test_a_file_that_is_removed_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, removed = temporaries._lock, []

    def remove_first(held: int) -> None:
        if not removed:
            removed.extend(remove_leftovers(tmp_path.iterdir()))
        lock(held)

    monkeypatch.setattr(temporaries, "_lock", remove_first)
    with hold_temporary_file(tmp_path / "result") as (temporary, _):
        assert temporary.exists() and removed and temporary not in removed


def test_without_locks_nothing_is_removed(
    left: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(held: int, how: int) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(temporaries.fcntl, "flock", refuse)
    with replacing(left[0].with_name("other")) as temporary:
        temporary.write_bytes(b"all")
    assert remove_leftovers(left) == []


def test_a_folder_that_cannot_be_written_is_replaced_by_the_systems(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with temporary_folder(tmp_path / "file", "reader") as folder:
        assert folder.is_dir() and tmp_path not in folder.parents
    assert not folder.exists()
