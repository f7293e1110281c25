"""DVC's repository, opened to be looked at while somebody else may be working in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from stages.engine.workspace import Workspace

if TYPE_CHECKING:
    from dvc.repo import Repo


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

            def _ignore(self) -> None:
                """Writes no .gitignore: the checkout may be read-only."""

        with Reader(str(workspace.root)) as repo:
            yield repo
