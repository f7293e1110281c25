"""DVC's repository, opened to be looked at while somebody else may be working in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stages.engine.workspace import Workspace

if TYPE_CHECKING:
    from dvc.repo import Repo


def _made(workspace: Workspace) -> float | None:
    """When DVC first worked in the repository, which names its memory of hashes: with a time of its
    own a reader would hash all data again, and leave a memory behind that nobody uses."""
    mark = workspace.root / ".dvc" / "tmp" / "btime"
    with suppress(OSError):  # read-only, or made already
        mark.parent.mkdir(exist_ok=True)
        mark.open("x").close()
    return mark.stat().st_mtime if mark.exists() else None


@contextmanager
def reading(workspace: Workspace) -> Iterator[Repo]:
    """A repository whose locks lie in a folder of its own.

    DVC's own reading waits for whoever writes, and keeps writers out meanwhile: ``dvc repro`` would
    fail because somebody asks how far it is.
    """
    from dvc.repo import Repo

    with TemporaryDirectory(prefix="flawfactory-") as folder:

        class Reader(Repo):
            tmp_dir = folder  # pyright: ignore[reportAssignmentType]
            _btime = _made(workspace)  # pyright: ignore[reportAssignmentType]

            def _ignore(self) -> None:
                """Writes no .gitignore: the checkout may be read-only."""

        with Reader(str(workspace.root)) as repo:
            yield repo
