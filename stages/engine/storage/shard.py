"""Shards: deterministic WebDataset tar files, of which single members can be read by offset."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO

from stages.engine.files import sha256
from stages.engine.storage.ustar import Entry, walk

MAX_MEMBERS = 1000
"""Maximum number of members of a sample that is read."""
MAX_SAMPLE_BYTES = 2**31
"""Maximum size of a sample that is read."""


@dataclass(frozen=True)
class Member:
    """The place of a member's bytes in its shard, and their digest."""

    offset: int
    size: int
    sha256: str


Index = dict[str, dict[str, Member]]
"""Sample key to member name to `Member`."""


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> int:
    """Append a file without owner and time; return the offset of its bytes."""
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = len(data), 0, 0o444
    start = tar.offset
    tar.addfile(info, io.BytesIO(data))
    return start + tarfile.BLOCKSIZE


def add_sample(tar: tarfile.TarFile, index: Index, key: str, members: Mapping[str, bytes]) -> None:
    """Append one sample, members sorted by name, and add it to `index`.

    Raises:
        ValueError: the key contains a dot (WebDataset cuts keys at the first one) or a slash, or is
            in `index` already.
    """
    if "." in key or "/" in key or key in index:
        raise ValueError(f"invalid or repeated sample key {key!r}")
    index[key] = {
        name: Member(_add(tar, f"{key}.{name}", data), len(data), sha256(data))
        for name, data in sorted(members.items())
    }


def write_samples(file: IO[bytes], samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> Index:
    """Write (key, members) samples to `file` as USTAR, in the given order (see `add_sample`)."""
    index: Index = {}
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for key, members in samples:
            add_sample(tar, index, key, members)
    return index


def write_shard(path: Path, samples: Iterable[tuple[str, Mapping[str, bytes]]]) -> Index:
    """Write (key, members) samples to a new file at `path` (see `write_samples`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        return write_samples(file, samples)


def read_member(path: Path, member: Member) -> bytes:
    """Read the bytes of one member and check their digest.

    Raises:
        ValueError: the shard is damaged or was replaced.
    """
    with path.open("rb") as file:
        file.seek(member.offset)
        data = file.read(member.size)
    if sha256(data) != member.sha256:
        raise ValueError(
            f"{path}: damaged at byte {member.offset}; run `flawfactory verify --repair`"
        )
    return data


def read_shard(file: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield all files in order as (name, bytes); nothing is extracted to disk.

    Raises:
        ValueError: the shard is damaged, or has an entry that is not a regular file.
    """
    for entry in walk(file, paths=True):
        if entry.problem:
            raise ValueError(f"{entry.name} {entry.problem}")
        yield entry.name, entry.data


def group_entries(entries: Iterable[Entry]) -> Iterator[tuple[str, list[Entry]]]:
    """Yield the neighbouring entries of each key; one sample in memory at a time.

    Raises:
        ValueError: a sample has more than `MAX_MEMBERS` members or `MAX_SAMPLE_BYTES` bytes.
    """
    for key, group in groupby(entries, key=lambda entry: entry.name.partition(".")[0]):
        found: list[Entry] = []
        size = 0
        for entry in group:
            found.append(entry)
            size += len(entry.data)
            if len(found) > MAX_MEMBERS or size > MAX_SAMPLE_BYTES:
                raise ValueError(
                    f"{key} has more than {MAX_MEMBERS} members or {MAX_SAMPLE_BYTES} bytes"
                )
        yield key, found


def read_samples(file: IO[bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield all samples in order as (key, members by name); one sample in memory at a time.

    Raises:
        ValueError: the shard is damaged, has an entry that is no member of a sample, a sample or
            member twice, or a sample that is too large.
    """
    seen: set[str] = set()
    for key, entries in group_entries(walk(file)):
        if key in seen:
            raise ValueError(f"{key} is there twice")
        seen.add(key)
        yield key, join_members(entries)


def join_members(entries: Iterable[Entry]) -> dict[str, bytes]:
    """Return the bytes of a sample's members by name.

    Raises:
        ValueError: an entry is no member of a sample, or a member is there twice.
    """
    members: dict[str, bytes] = {}
    for entry in entries:
        member = entry.name.partition(".")[2]
        if entry.problem or member in members:
            raise ValueError(f"{entry.name} {entry.problem or 'is there twice'}")
        members[member] = entry.data
    return members
