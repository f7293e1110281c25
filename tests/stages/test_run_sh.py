"""Tests which interpreter stages/run.sh chooses."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stages.engine.workspace import Workspace

SCRIPT = Workspace.find().root / "stages" / "run.sh"


@pytest.fixture
def checkout(tmp_path):
    """A checkout, with a folder `bin` beside it as a PATH without Python."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "check out" / "stages").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "check out" / "stages")
    return tmp_path / "check out"


def interpreter(folder: Path, has_packages: bool = True) -> None:
    """Write a `python` that prints its folder and its arguments."""
    folder.mkdir(parents=True, exist_ok=True)
    answer = 0 if has_packages else 1
    (folder / "python").write_text(
        f'#!/bin/sh\n[ "$1" = -c ] && exit {answer}\necho "{folder}: $*"\n'
    )
    (folder / "python").chmod(0o755)


def run(checkout: Path, at: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "stages/run.sh", "ingest"],
        cwd=at or checkout,
        env={"PATH": str(checkout.parent / "bin")},
        capture_output=True,
        text=True,
    )


def test_the_active_environment_comes_first(checkout):
    interpreter(checkout.parent / "bin")
    interpreter(checkout / ".venv" / "bin")
    assert run(checkout).stdout == f"{checkout.parent / 'bin'}: -m stages ingest\n"


def test_without_an_active_environment_the_checkouts_own_is_used(checkout):
    interpreter(checkout / ".venv" / "bin")
    assert run(checkout).stdout == f"{checkout / '.venv' / 'bin'}: -m stages ingest\n"


def test_a_python_without_the_packages_is_skipped(checkout):
    interpreter(checkout.parent / "bin", has_packages=False)
    interpreter(checkout / ".venv" / "bin")
    assert run(checkout).stdout.startswith(str(checkout / ".venv" / "bin"))


def test_an_experiment_in_a_temporary_folder_uses_the_checkouts_environment(checkout):
    interpreter(checkout / ".venv" / "bin")
    below = checkout / ".dvc" / "tmp" / "exps" / "tmp1"
    shutil.copytree(checkout / "stages", below / "stages")
    assert run(checkout, below).stdout.startswith(str(checkout / ".venv" / "bin"))


def test_without_an_interpreter_one_line_names_the_remedy(checkout):
    done = run(checkout)
    assert done.returncode == 2 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert "source .venv/bin/activate" in line and "make build" in line
