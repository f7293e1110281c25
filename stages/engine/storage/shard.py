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
    """Yield all regular files in order as (name, bytes); nothing is extracted to disk."""
    with tarfile.open(fileobj=file, mode="r:") as tar:
        for info in tar:
            if info.isreg() and (content := tar.extractfile(info)) is not None:
                yield info.name, content.read()


def read_samples(file: IO[bytes]) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Yield all samples in order as (key, members by name); one sample in memory at a time."""
    for key, files in groupby(read_shard(file), key=lambda item: item[0].split(".", 1)[0]):
        yield key, {name.split(".", 1)[1]: data for name, data in files}
