"""Open DVC's repository for reading while another process may be working in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

from stages.engine.temporaries import temporary_folder
from stages.engine.workspace import Workspace

if TYPE_CHECKING:
    from dvc.repo import Repo


def _first_use_time(workspace: Workspace) -> float | None:
    """Return the time when DVC was first used in the repository; None if it cannot be recorded.

    DVC names its cache of hashes by it. With a time of its own, a reader would hash all data again
    and leave behind a cache that no other command uses.
    """
    mark = workspace.root / ".dvc" / "tmp" / "btime"
    with suppress(OSError):  # read-only checkout, or the file exists
        mark.parent.mkdir(exist_ok=True)
        mark.open("x").close()
    return mark.stat().st_mtime if mark.exists() else None


@contextmanager
def open_for_reading(workspace: Workspace) -> Iterator[Repo]:
    """Open a repository whose locks are in a temporary folder.

    Otherwise a reader would wait for writers and lock them out meanwhile: ``dvc repro`` would fail
    because somebody asks for its status.
    """
    from dvc.repo import Repo

    with temporary_folder(Path(gettempdir()), "flawfactory") as folder:

        class Reader(Repo):
            tmp_dir = str(folder)  # pyright: ignore[reportAssignmentType]
            _btime = _first_use_time(workspace)  # pyright: ignore[reportAssignmentType]

            def _ignore(self) -> None:
                """Write no .gitignore: the checkout may be read-only."""

        with Reader(str(workspace.root)) as repo:
            yield repo
