"""Remove what killed processes left behind in a checkout: temporary files, locks of requests."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from stages.engine.settings import load_settings, store_root
from stages.engine.storage.store import Store
from stages.engine.temporaries import is_temporary, remove_leftovers
from stages.engine.workspace import Workspace


def remove_what_was_left(workspace: Workspace) -> list[Path]:
    """Remove the temporary files and folders that no process is writing, and the locks of requests
    to models that none holds; return them. Call it with the build's lock."""
    store = Store(store_root(workspace, load_settings(workspace)))
    found = [*remove_leftovers(_temporaries(workspace)), *remove_leftovers(store.temporaries())]
    return [*found, *_remove_request_locks(workspace)]


def _temporaries(workspace: Workspace) -> Iterator[Path]:
    """Yield temporary files outside the store and outside the outputs, which are made anew."""
    data = workspace.data
    folders = (workspace.root, data, data / ".cache", workspace.reports, workspace.root / "reviews",
               workspace.root / ".dvc" / "tmp", workspace.sources)  # fmt: skip
    for folder in folders:
        yield from folder.glob(".*.*")
    for folder in (workspace.sources, data / "gallery", workspace.calls / "answers"):
        yield from (path for path in folder.glob("**/.*.*") if is_temporary(path))


def _remove_request_locks(workspace: Workspace) -> Iterator[Path]:
    """Remove the locks that processes killed during a request left (`stages.models.chat.cache`)."""
    for path in (workspace.calls / "answers").glob("??/*.lock"):
        with suppress(OSError):
            held = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                yield path
            finally:
                os.close(held)
