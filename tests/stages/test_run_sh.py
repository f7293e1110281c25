"""Which interpreter runs a stage when DVC does."""

import shutil
import subprocess
from pathlib import Path

import pytest

from stages.engine.workspace import Workspace

SCRIPT = Workspace.find().root / "stages" / "run.sh"


@pytest.fixture
def checkout(tmp_path):
    """A checkout, and beside it `bin`: a PATH without Python."""
    (tmp_path / "bin").mkdir()
    for name in ("sh", "dirname"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or name)
    (tmp_path / "check out" / "stages").mkdir(parents=True)
    shutil.copy(SCRIPT, tmp_path / "check out" / "stages")
    return tmp_path / "check out"


def interpreter(folder: Path, has_packages: bool = True) -> None:
    """A `python` that tells where it lies and what it was asked to run."""
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
    assert run(checkout).stdout == f"{checkout.parent / 'bin'}: -m stages.ingest\n"


def test_without_one_the_checkouts_own_is_taken(checkout):
    interpreter(checkout / ".venv" / "bin")
    assert run(checkout).stdout == f"{checkout / '.venv' / 'bin'}: -m stages.ingest\n"


def test_a_python_without_the_packages_does_not_count(checkout):
    interpreter(checkout.parent / "bin", has_packages=False)
    interpreter(checkout / ".venv" / "bin")
    assert run(checkout).stdout.startswith(str(checkout / ".venv" / "bin"))


def test_an_experiment_in_a_folder_below_finds_the_checkouts(checkout):
    interpreter(checkout / ".venv" / "bin")
    below = checkout / ".dvc" / "tmp" / "exps" / "tmp1"
    shutil.copytree(checkout / "stages", below / "stages")
    assert run(checkout, below).stdout.startswith(str(checkout / ".venv" / "bin"))


def test_where_there_is_none_one_line_says_what_to_do(checkout):
    done = run(checkout)
    assert done.returncode == 2 and not done.stdout
    (line,) = done.stderr.splitlines()
    assert "source .venv/bin/activate" in line and "make build" in line
