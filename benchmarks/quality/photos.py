"""Read the evaluation set's photos: files of this checkout, and held-out photos in the shards."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from stages.engine.workspace import Workspace
from stages.ingest.decode import Limits, decode
from stages.ingest.stage import IngestParams
from stages.models.protocols import Image
from training.data import EVALUATION_SOURCES, is_held_out

FOLDERS = ("samples/photos/plasma", "samples/photos/scikit-image", "data/.fetched/people")
SHARDS = Path(__file__).parents[3] / "shared" / "photos"
"""Default folder of the training shards."""
_SUFFIXES = {".jpg", ".png"}


def list_checkout() -> list[str]:
    """List the checkout's photos as paths relative to its root."""
    root = Workspace.find().root
    paths = (path for folder in FOLDERS for path in sorted((root / folder).glob("*")))
    return [path.relative_to(root).as_posix() for path in paths if path.suffix in _SUFFIXES]


def list_held_out(shards: Path) -> list[str]:
    """List the photos that are held out of training as ``<shard>.tar/<key>.webp``, by key."""
    found = []
    for shard in sorted(shards.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, kind = member.name.partition(".")
                stream = tar.extractfile(member) if kind == "json" and is_held_out(key) else None
                if stream and json.loads(stream.read())["source"] not in EVALUATION_SOURCES:
                    found.append((key, f"{shard.name}/{key}.webp"))
    return [name for _, name in sorted(found)]


def select(names: list[str], files: Sequence[str]) -> list[str]:
    """Select the photos whose file name is one of `files`; all where none is given."""
    return [name for name in names if not files or Path(name).name in files]


def read_bytes(name: str, shards: Path) -> bytes:
    """Read the file of a name that `list_checkout` or `list_held_out` returned.

    Raises:
        FileNotFoundError: it is missing (``make build`` fetches the photos of people).
    """
    shard, _, member = name.partition(".tar/")
    if not member:
        return (Workspace.find().root / name).read_bytes()
    with tarfile.open(shards / f"{shard}.tar") as tar:
        stream = tar.extractfile(member)
        if stream is None:
            raise FileNotFoundError(f"{member} is not a file in {shard}.tar")
        return stream.read()


@lru_cache(maxsize=8)
def read_photo(name: str, shards: Path) -> Image:
    """Read the photo as `ingest` does, (H, W, 3) uint8. Raises as `read_bytes` does."""
    limits = IngestParams()
    data = read_bytes(name, shards)
    kept = Limits(limits.max_pixels, limits.min_side, limits.max_side)
    return np.asarray(decode(data, kept).image)


def get_file(name: str, shards: Path, folder: Path) -> Path:
    """Return the photo's file; a photo of the shards is written to `folder`.

    Raises as `read_bytes` does.
    """
    path = Workspace.find().root / name
    if path.is_file():
        return path
    written = folder / Path(name).name
    written.write_bytes(read_bytes(name, shards))
    return written
