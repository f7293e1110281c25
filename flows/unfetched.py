"""Count the scans that could not fetch or read a file for a reason that may pass.

The next scan tries such a file again. The count, kept in ``data/.report``, says whether a watch
starts a build for it: up to `MAX_ATTEMPTS` scans, as for a photo that a stage rejects for now.
Names are stored as digests, because URLs may contain keys and a photo may have to be removed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from stages.engine.attempts import MAX_ATTEMPTS
from stages.engine.files import write_atomically
from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import BucketPrefix, SourceLocation

_COUNTS = TypeAdapter(dict[str, dict[str, int]])
"""Source to its files, and a file to its number of scans; both as digests."""


def counts_file(workspace: Workspace) -> Path:
    """Return the path of the counts. Without it all files count as not tried."""
    return workspace.reports / "scan.attempts.json"


def count_scan(workspace: Workspace, unfetched: Mapping[SourceLocation, Collection[str]]) -> None:
    """Count a scan.

    Args:
        workspace: the checkout.
        unfetched: each scanned source to its files that the next scan tries again; the counts of
            all others end.
    """
    before = _read(workspace)
    now = dict(before)
    for source, names in unfetched.items():
        known = now.pop(name := _digest(_name(source)), {})
        digests = map(_digest, names)
        if counts := {digest: known.get(digest, 0) + 1 for digest in digests}:
            now[name] = counts
    if now != before:
        write_atomically(counts_file(workspace), json.dumps(now, sort_keys=True).encode())


def read_counts(workspace: Workspace, sources: Iterable[SourceLocation]) -> list[int]:
    """Return the number of scans for each file of `sources` that the last one could not get."""
    counts = _read(workspace)
    return [n for each in sources for n in counts.get(_digest(_name(each)), {}).values()]


def describe_given_up(workspace: Workspace, sources: Iterable[SourceLocation]) -> str | None:
    """Return a line on the files of `sources` for which a watch starts no build any more since the
    last scan; None if there are none."""
    given_up = read_counts(workspace, sources).count(MAX_ATTEMPTS)
    if not given_up:
        return None
    return (
        f"photos that {MAX_ATTEMPTS} scans could not fetch or read: {given_up}; they are tried "
        "again by each build that scans, and no build is started for them"
    )


def _read(workspace: Workspace) -> dict[str, dict[str, int]]:
    try:
        return _COUNTS.validate_json(counts_file(workspace).read_bytes())
    except (OSError, ValidationError):
        return {}


def _name(source: SourceLocation) -> str:
    return str(source) if isinstance(source, BucketPrefix) else os.path.realpath(source)


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:16]
