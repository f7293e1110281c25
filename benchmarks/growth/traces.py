"""Search a checkout's files for what was made of a photo."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path

import pyarrow.parquet as pq

from stages.engine.storage.shard import read_shard
from stages.engine.storage.source_list import Source
from stages.engine.storage.tables import MANIFEST, read_table
from stages.engine.workspace import Workspace

DIGEST, KEY = "digest", "key"
"""Needles that the source list keeps, to know the photo when it is scanned again."""
_PARQUET = b"PAR1"
_LISTED = {*(field.name for field in fields(Source)), "key"}
_PICTURES = ("photo.png", "real.png", "artifact.png", "control.png")
"""Pictures that show the photo; two photos may have the same masks."""


def find_needles(workspace: Workspace, photo: Source, file: Path) -> dict[str, bytes]:
    """Return what a file that was made of the photo contains: its key, digest, name and bytes, each
    picture that stages made of it, and the digest of each flaw's pixels."""
    needles = {
        DIGEST: (photo.sha256 or "").encode(),
        KEY: photo.key.encode(),
        "name": photo.file_name.encode(),
        "bytes": file.read_bytes(),
    }
    for stage in ("ingest", "inject", "package"):
        for shard in sorted(workspace.stage(stage).glob("*.tar")):
            with shard.open("rb") as opened:
                needles |= {
                    f"{stage}/{name}": data
                    for name, data in read_shard(opened)
                    if name.startswith(photo.key) and name.endswith(_PICTURES)
                }
    rows = read_table(workspace.stage("package") / MANIFEST)
    return needles | {
        f"pixels of {row['pair']}, {row['variant']}": row["pixels_sha256"].encode()
        for row in rows
        if row["key"] == photo.key
    }


def search(folders: list[Path], needles: Mapping[str, bytes]) -> dict[str, list[Path]]:
    """Return the files below `folders` that contain a needle, by needle."""
    found: dict[str, list[Path]] = {}
    for path in _files(folders):
        content = path.read_bytes()
        if content.startswith(_PARQUET):  # compressed
            content += str(pq.read_table(path).to_pylist()).encode()
        for name, needle in needles.items():
            if needle in content:
                found.setdefault(name, []).append(path)
    return found


def _files(folders: list[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def records_withdrawal(path: Path, key: str) -> bool:
    """Whether a file is a part of the source list or a table of rejects, or shows such a table, and
    says no more of the photo than that it was withdrawn."""
    content = path.read_bytes()
    if content.startswith(_PARQUET):
        rows = pq.read_table(path).to_pylist()
        return all(row.get("code") == "withdrawn" for row in rows if key in str(row))
    if path.parent.name == "rejects" and path.suffix == ".js":  # of the gallery
        return True
    lines = [line for line in content.splitlines() if key.encode() in line]
    try:
        return all(json.loads(line).keys() <= _LISTED for line in lines)
    except (ValueError, AttributeError):
        return False
