"""Find the files made of a photo on this machine, by kind of location."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from flows.cache import ObjectCache
from flows.erasure.photo import Photo
from flows.erasure.traces import contains_photo, result_contains_photo
from stages import STAGES
from stages.engine.files import sha256_file
from stages.engine.settings import load_settings, open_store
from stages.engine.storage.bucket import BucketStore
from stages.engine.storage.source_list import KEY_LENGTH
from stages.engine.storage.store import Store
from stages.engine.workspace import Workspace
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.urls.library import Library

OUTPUTS = "outputs"
_ABANDONED_SECONDS = 60.0
"""A partial result that was not written to for this long was left behind by a killed writer."""


@dataclass(frozen=True)
class Location:
    """One kind of location, and what has to be removed there."""

    name: str
    paths: list[Path]
    """Files, and folders that are removed as a whole."""
    size: int
    """Bytes."""
    keys: list[str] = field(default_factory=list)
    """Results in a bucket, by key."""

    @property
    def count(self) -> int:
        """Number of paths and results."""
        return len(self.paths) + len(self.keys)


def find_locations(
    workspace: Workspace, cache: ObjectCache, photos: Sequence[Photo]
) -> list[Location]:
    """Search all locations; return also those where nothing was found."""

    def holding(paths: Iterable[Path]) -> Iterator[Path]:
        return (path for path in paths if contains_photo(path, photos))

    store = open_store(workspace, load_settings(workspace))
    keys = {photo.key for photo in photos}
    in_bucket = isinstance(store, BucketStore)
    gallery = workspace.data / "gallery"
    found: dict[str, Iterable[Path]] = {
        OUTPUTS: _outputs(workspace, photos),
        "DVC's cache": holding(_files(cache.root.parent.parent)),
        "DVC's temporary files": holding(_files(workspace.root / ".dvc" / "tmp")),
        "the store": []
        if isinstance(store, BucketStore)
        else holding(map(store.path, store.keys())),
        "the store, left by killed writers": store.leftovers(_ABANDONED_SECONDS),
        "answers of models": _answers(workspace, photos),
        "reports": holding(_files(workspace.reports)),
        "the gallery": [gallery] if gallery.is_dir() else [],
        "fetched sample photos": _fetched(workspace, photos),
        "downloads of lists of URLs": Library.of(workspace).made_of(keys),
        "copies of buckets": Mirror.of(workspace).made_of(keys),
    }
    locations = [_measure(name, list(paths)) for name, paths in found.items()]
    if in_bucket:
        locations.append(_search_bucket(store, photos))
    return locations


def _search_bucket(store: Store, photos: Sequence[Photo]) -> Location:
    keys = list(store.keys())
    results = zip(keys, store.read(keys), strict=True)
    made = [key for key, result in results if result and result_contains_photo(result, photos)]
    return Location(f"the store {store}", [], store.size(made), made)


def _measure(name: str, paths: list[Path]) -> Location:
    files = (f for path in paths for f in _files(path) if not f.is_symlink())
    return Location(name, paths, sum(f.stat().st_size for f in files))


def _files(path: Path) -> Iterator[Path]:
    """Yield the file itself, or all files below a folder."""
    if path.is_file():
        yield path
    elif path.is_dir():
        yield from sorted(p for p in path.rglob("*") if p.is_file() and not p.is_symlink())


def _outputs(workspace: Workspace, photos: Sequence[Photo]) -> Iterator[Path]:
    """Yield the stage folders to remove: DVC restores a folder as a whole or not at all."""
    for name in STAGES:
        folder = workspace.stage(name)
        if any(contains_photo(path, photos) for path in folder.rglob("*") if path.is_file()):
            yield folder


def _answers(workspace: Workspace, photos: Sequence[Photo]) -> Iterator[Path]:
    keys = {photo.key for photo in photos}
    for path in _files(workspace.calls / "answers"):
        if path.suffix == ".json" and _asked_about(path) in keys:
            yield path


def _asked_about(answer: Path) -> str | None:
    try:
        return json.loads(answer.read_bytes()).get("photo")
    except (ValueError, AttributeError):  # damaged, so it is requested again
        return None


def _fetched(workspace: Workspace, photos: Sequence[Photo]) -> Iterator[Path]:
    keys = {photo.key for photo in photos}
    files = _files(workspace.data / ".fetched")
    return (path for path in files if sha256_file(path)[:KEY_LENGTH] in keys)
