"""Two versions of the data set, pair by pair."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flows.repository import NotUsable, told_in_a_line
from stages.engine.storage.tables import MANIFEST, read_table
from stages.engine.workspace import FactoryError, Workspace

Pairs = dict[str, dict[str, Any]]
_PLACES = ("shard",)
"""Columns that say where a pair lies, not what it is."""


@dataclass(frozen=True)
class Comparison:
    """What changed."""

    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]]
    """Pair key to the columns that differ: texts, scores, or digests of members."""
    same: int


def read_pairs(workspace: Workspace, version: str) -> Pairs:
    """The manifest of a version: a folder, a parquet file, or a git revision of this checkout.

    Raises:
        FactoryError: there is no such version, or DVC no longer has its manifest.
    """
    path = Path(version)
    if path.is_dir():
        path /= MANIFEST
    rows = read_table(path) if path.is_file() else _from_revision(workspace, version)
    return {row["pair"]: row for row in rows}


def _from_revision(workspace: Workspace, revision: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    name = f"data/package/{MANIFEST}"
    try:
        with told_in_a_line(workspace):
            data = _read(workspace, name, revision)
    except NotUsable:
        raise
    except (FactoryError, OSError) as error:
        raise FactoryError(
            f"{revision}: neither a folder, nor a revision whose {name} DVC still has: {error}"
        ) from error
    return pq.read_table(io.BytesIO(data)).to_pylist()


def _read(workspace: Workspace, name: str, revision: str) -> bytes:
    """A file of a revision; DVC itself does not look at what it reads from cache or remote."""
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(str(workspace.root), rev=revision)
    data = cast(bytes, files.read_bytes(name))
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != files.info(name)["md5"]:
        raise NotUsable(
            f"{name} of {revision} is damaged in DVC's cache: remove {files.info(name)['md5'][2:]} "
            "from it, then `dvc fetch` that revision"
        )
    return data


def compare(before: Pairs, after: Pairs) -> Comparison:
    """Set difference of keys, and column by column for those in both."""
    changed: dict[str, list[str]] = {}
    both = sorted(before.keys() & after.keys())
    for key in both:
        columns = (before[key].keys() | after[key].keys()) - set(_PLACES)
        differing = [c for c in sorted(columns) if before[key].get(c) != after[key].get(c)]
        if differing:
            changed[key] = differing
    return Comparison(
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed=changed,
        same=len(both) - len(changed),
    )
