"""Remove what killed processes left behind in a checkout: temporary files, locks of requests, and
what DVC had not finished in its cache."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import gettempdir

from flows.cache import ObjectCache
from stages.engine.settings import load_settings, open_store
from stages.engine.temporaries import is_temporary, remove_leftovers
from stages.engine.workspace import Workspace
from stages.ingest.buckets.mirror import Mirror

_DVC_NAME = re.compile(r"\.[\w-]{22}\.tmp")
"""Names of DVC's temporary files (``dvc_objects.fs.utils.tmp_fname``)."""
_SHARED_SECONDS = 60.0
"""Age from which what is unfinished in a cache of several checkouts was left behind."""


def remove_what_was_left(workspace: Workspace) -> list[Path]:
    """Remove the temporary files and folders that no process is writing, and the locks of requests
    to models that none holds; return them. Call it with the build's lock."""
    store = open_store(workspace, load_settings(workspace))
    found = [*remove_leftovers(_temporaries(workspace)), *remove_leftovers(store.temporaries())]
    return [*found, *_remove_request_locks(workspace), *_clean_dvc_cache(workspace)]


def _temporaries(workspace: Workspace) -> Iterator[Path]:
    """Yield temporary files outside the store and outside the outputs, which are made anew."""
    data = workspace.data
    folders = (workspace.root, data, data / ".cache", workspace.reports, workspace.root / "reviews",
               workspace.root / ".dvc" / "tmp", workspace.sources)  # fmt: skip
    for folder in folders:
        yield from folder.glob(".*.*")
    yield from Mirror.of(workspace).temporaries()
    yield from Path(gettempdir()).glob(".flawfactory.*")  # of `dvc_reading`
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


def _clean_dvc_cache(workspace: Workspace) -> Iterator[Path]:
    """Remove DVC's temporary files and the empty folders of its cache of runs.

    A process that is killed while DVC notes a run leaves an empty folder, and DVC then fails on
    that stage for ever ("join() argument must be str"). A cache that other checkouts use too may be
    being written: there only what is older than a minute is removed.
    """
    objects = ObjectCache.of(workspace).root
    top = objects.parents[1] if objects.parts[-2:] == ("files", "md5") else objects
    shared = workspace.root not in top.parents
    runs = sorted((top / "runs").glob("??/*"))
    folders = (workspace.data, objects, *objects.glob("??"), *runs)
    for path in [file for folder in folders for file in folder.glob(".*.tmp")]:
        if _DVC_NAME.fullmatch(path.name) and _is_settled(path, shared):
            path.unlink(missing_ok=True)
            yield path
    for run in runs:
        if run.is_dir() and _is_settled(run, shared):
            with suppress(OSError):  # it is not empty
                run.rmdir()
                yield run


def _is_settled(path: Path, shared: bool) -> bool:
    try:
        return not shared or time.time() - path.stat().st_mtime > _SHARED_SECONDS
    except FileNotFoundError:
        return False
