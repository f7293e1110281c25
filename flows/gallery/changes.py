"""Compare the data set with its last version, for the page."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import pyarrow as pa

from flows.cache import ObjectCache
from flows.comparison.report import list_tables, make_report, summarise
from flows.comparison.versions import open_version
from flows.gallery.index import CHANGES
from flows.repository import LOCK
from stages.engine.workspace import FactoryError, Workspace

_MAX_COMMITS, _MAX_ROWS = 50, 40
_TABLES = (".parquet", ".json")


@dataclass(frozen=True)
class Changes:
    """What changed since the last version, as the page shows it."""

    version: str = ""
    """Its revision; empty if there is none."""
    summary: str = ""
    """In a sentence, or why nothing can be said."""
    tables: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    codes: dict[str, int] = field(default_factory=dict[str, int])
    """Added or changed pair to its place in `CHANGES`."""


def find_last_version(workspace: Workspace) -> str | None:
    """Return the newest commit whose dvc.lock differs from the present one; None if there is none.

    A tag of that commit is returned in its place.
    """
    lock = workspace.root / LOCK
    if not lock.is_file():
        return None
    commits = _git(workspace, "log", f"-n{_MAX_COMMITS}", "--format=%H", "--", LOCK.as_posix())
    for commit in (commits or b"").decode().split():
        content = _git(workspace, "show", f"{commit}:{LOCK.as_posix()}")
        if content is not None and content != lock.read_bytes():
            tags = _git(workspace, "tag", "--points-at", commit, "--sort=-creatordate") or b""
            return next(iter(tags.decode().splitlines()), commit[:12])
    return None


def _git(workspace: Workspace, *words: str) -> bytes | None:
    """Return what a git command prints; None if it fails."""
    command = ["git", "-C", str(workspace.root), *words]
    try:
        return subprocess.run(command, capture_output=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None


def _is_here(workspace: Workspace, stages: Mapping[str, Any]) -> bool:
    """Whether the tables of a version are in DVC's cache: a build does not wait for a remote."""
    cache = ObjectCache.of(workspace)
    for stage in stages.values():
        for out in stage.get("outs", []):
            listing = cache.listing(out["md5"])
            if listing is None or not all(
                map(cache.has, (md5 for name, md5 in listing.items() if name.endswith(_TABLES)))
            ):
                return False
    return bool(stages)


def compare_with_last(workspace: Workspace) -> Changes:
    """Compare the present data set with the last version; manifests only."""
    version = find_last_version(workspace)
    if version is None:
        return Changes()
    try:
        before = open_version(workspace, version)
        if not _is_here(workspace, before.files.lock()):
            return Changes(version, f"To compare with {version}, fetch it: `dvc fetch --all-tags`.")
        report = make_report(before, open_version(workspace, None))
    except FactoryError as error:
        return Changes(version, str(error))
    except (pa.ArrowException, KeyError, OSError) as error:  # no page must fail a build
        return Changes(version, f"{version} cannot be compared: {error}")
    changes = report.changes
    codes = {key: CHANGES.index("added") for key in changes.added.to_pylist()}
    codes |= {key: CHANGES.index("changed") for key in changes.changed.to_pylist()}
    tables = [
        {"title": title, "head": head, "rows": list(islice(rows, _MAX_ROWS)), "all": len(rows)}
        for title, head, rows in list_tables(report)
        if rows
    ]
    return Changes(version, summarise(report), tables, codes)
