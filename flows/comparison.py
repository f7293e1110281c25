"""Compare two versions of the data set, pair by pair."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flows.records import check_version
from flows.repository import UnusableCheckout, translate_errors
from stages.engine.storage.tables import MANIFEST, read_table
from stages.engine.workspace import FactoryError, Workspace

Pairs = dict[str, dict[str, Any]]
"""Pair key to its columns; those that differ between its flaws are named ``<variant>.<column>``."""
_LOCATION_COLUMNS = ("shard",)
"""Columns that say where a pair is stored; they do not count as a change."""


@dataclass(frozen=True)
class Comparison:
    """The differences between two versions."""

    added: list[str]
    removed: list[str]
    changed: dict[str, list[str]]
    """Pair key to the names of the columns that differ: texts, scores or digests of members."""
    same: int


def read_pairs(workspace: Workspace, version: str) -> Pairs:
    """Read a version's manifest, by pair key.

    Args:
        workspace: the checkout.
        version: a folder, a parquet file, or a git revision of the checkout.

    Raises:
        FactoryError: there is no such version, DVC no longer has its manifest, or the manifest has
            another schema version.
    """
    path = Path(version)
    if path.is_dir():
        path /= MANIFEST
    rows = read_table(path) if path.is_file() else _read_revision(workspace, version)
    for row in rows[:1]:
        check_version(row.get("schema_version"), f"the manifest of {version}")
    of_pair: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        of_pair.setdefault(row["pair"], []).append(row)
    return {pair: _join_flaws(flaws) for pair, flaws in of_pair.items()}


def _join_flaws(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Join the rows of a pair's flaws to one."""
    shared = {name for name in rows[0] if len({repr(row[name]) for row in rows}) == 1}
    joined = {name: value for name, value in rows[0].items() if name in shared}
    for row in rows:
        joined |= {f"{row['variant']}.{n}": v for n, v in row.items() if n not in shared}
    return joined


def _read_revision(workspace: Workspace, revision: str) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    name = f"data/package/{MANIFEST}"
    try:
        with translate_errors(workspace):
            data = _read_file(workspace, name, revision)
    except UnusableCheckout:
        raise
    except (FactoryError, OSError) as error:
        raise FactoryError(
            f"{revision} is neither a folder nor a revision whose {name} DVC still has: {error}"
        ) from error
    return pq.read_table(io.BytesIO(data)).to_pylist()


def _read_file(workspace: Workspace, name: str, revision: str) -> bytes:
    """Read a file of a revision and check its md5; DVC itself does not verify what it reads.

    Raises:
        UnusableCheckout: the cached copy is damaged.
    """
    from dvc.api import DVCFileSystem

    files = DVCFileSystem(str(workspace.root), rev=revision)
    data = cast(bytes, files.read_bytes(name))
    if hashlib.md5(data, usedforsecurity=False).hexdigest() != files.info(name)["md5"]:
        raise UnusableCheckout(
            f"{name} of {revision} is damaged in DVC's cache: remove {files.info(name)['md5'][2:]} "
            "from it, then `dvc fetch` that revision"
        )
    return data


def compare(before: Pairs, after: Pairs) -> Comparison:
    """Compare the keys, and the columns of the pairs that both versions have."""
    changed: dict[str, list[str]] = {}
    both = sorted(before.keys() & after.keys())
    for key in both:
        columns = (before[key].keys() | after[key].keys()) - set(_LOCATION_COLUMNS)
        differing = [c for c in sorted(columns) if before[key].get(c) != after[key].get(c)]
        if differing:
            changed[key] = differing
    return Comparison(
        added=sorted(after.keys() - before.keys()),
        removed=sorted(before.keys() - after.keys()),
        changed=changed,
        same=len(both) - len(changed),
    )
