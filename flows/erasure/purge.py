"""Find all that was made of withdrawn photos, remove it, and list what is out of reach."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.cache import LISTING, ObjectCache
from flows.erasure import prefect_database
from flows.erasure.locations import Location, find_locations
from flows.erasure.marks import count_marks, purge_marks
from flows.erasure.photo import Photo
from flows.repository import translate_errors
from flows.sources import HASHES
from stages import STAGES
from stages.engine.files import write_atomically
from stages.engine.settings import load_settings, open_store
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.licences import sidecar_names
from stages.ingest.sources import forget


@dataclass(frozen=True)
class PurgePlan:
    """What a purge removes, and what it cannot."""

    photos: list[Photo]
    locations: list[Location]
    rows: dict[Path, int]
    """Prefect's database to the number of its rows that show or name the photos."""
    marks: dict[Path, int]
    """Review file to the number of its marks on flaws of the photos."""
    remains: list[str]
    """What is out of reach, one line each with a remedy."""


def plan_purge(workspace: Workspace, photos: list[Photo]) -> PurgePlan:
    """Search everywhere without changing anything.

    Raises:
        FactoryError: a file or Prefect's database cannot be read.
    """
    cache = ObjectCache.of(workspace)
    try:
        found = find_locations(workspace, cache, photos)
    except OSError as error:
        raise FactoryError(f"{error.filename} cannot be read: {error.strerror}") from error
    databases = prefect_database.find_databases(workspace)
    rows = {path: prefect_database.count_rows(path, photos) for path in databases}
    marks, unreadable = count_marks(workspace, photos)
    remains = [*_list_remains(workspace, cache, photos, found), *_describe_reviews(unreadable)]
    return PurgePlan(photos, found, rows, marks, remains)


def purge(workspace: Workspace, plan: PurgePlan) -> None:
    """Remove what `plan_purge` found; an interrupted purge is finished by the next one.

    Raises:
        FactoryError: something cannot be removed.
    """
    store = open_store(workspace, load_settings(workspace))
    try:
        for location in plan.locations:
            for key in location.keys:
                store.remove(key)
            for path in location.paths:
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    except OSError as error:
        raise FactoryError(f"{error.filename} cannot be removed: {error.strerror}") from error
    for path, rows in plan.rows.items():
        if rows:
            prefect_database.purge_rows(path, plan.photos)
    try:
        for path in plan.marks:
            purge_marks(path, plan.photos)
    except OSError as error:
        raise FactoryError(f"{error.filename} cannot be written: {error.strerror}") from error
    _forget_hashes(workspace, plan.photos)
    # Last: an interrupted purge needs the list to know what to look for.
    forget(workspace.sources, {photo.sha256 for photo in plan.photos if photo.sha256})


def _forget_hashes(workspace: Workspace, photos: Sequence[Photo]) -> None:
    """Remove the photos and their sidecars from the digests that scans keep; remove a damaged file
    as a whole."""
    path, photo_files = workspace.data / HASHES, [file for photo in photos for file in photo.files]
    sidecars = (file.with_name(name) for file in photo_files for name in sidecar_names(file.name))
    files = set(map(str, (*photo_files, *sidecars)))
    try:
        known: dict[str, Any] = json.loads(path.read_bytes())
        left = {name: entry for name, entry in known.items() if name not in files}
        write_atomically(path, json.dumps(left).encode())
    except (ValueError, AttributeError):
        path.unlink()
    except FileNotFoundError:
        return


@contextmanager
def lock_outputs(workspace: Workspace) -> Iterator[None]:
    """Hold DVC's locks on all outputs.

    Raises:
        FactoryError: a DVC command is running in the workspace.
    """
    from dvc.lock import LockError
    from dvc.repo import Repo
    from dvc.rwlock import rwlock

    outputs = [str(workspace.stage(name)) for name in STAGES]
    try:
        with Repo(str(workspace.root)) as repo, repo.lock:
            tmp = repo.tmp_dir
            hardlink = repo.config["core"].get("hardlink_lock", False)
            with rwlock(tmp, repo.fs, "flawfactory gc --purge", [], outputs, hardlink):
                yield
    except LockError as error:
        raise FactoryError(
            f"a DVC command is running here: purge when it has ended ({str(error).splitlines()[0]})"
        ) from error


def _list_remains(
    workspace: Workspace, cache: ObjectCache, photos: Sequence[Photo], found: Sequence[Location]
) -> Iterator[str]:
    removed = {path for location in found for path in location.paths}
    mirror = Mirror.of(workspace)
    for photo in photos:
        yield from (
            f"your own photo: {path}"
            for path in photo.files
            if path.exists() and path not in removed
        )
        yield from (
            f"your own photo, in the bucket: {address}; while it is there, scans recognise it and "
            "leave it out"
            for path in photo.paths
            if (address := mirror.address_of(path))
        )
        yield from (
            f"a picture of `flawfactory try`: {path}"
            for file in photo.files
            if (path := workspace.root / f"{file.stem}.try.png").exists()
        )
    gone = {path.parent.name + path.name for path in removed if cache.root in path.parents}
    for reference in _references_to(workspace, cache, gone):
        name = reference.split("/", 2)[-1]
        remedy = "commit the dvc.lock of the next build"
        if reference.startswith("refs/tags/"):
            remedy = f"delete it: `git tag -d {name}`"
        yield (
            f"git's {name} refers to a version with the photo, which can no longer be checked out "
            f"completely here: {remedy}"
        )
    for name, url in _remotes(workspace):
        yield (
            f"what was pushed to the remote '{name}' ({url}): once no version with the photo is "
            f"needed, `dvc gc --workspace --cloud --remote {name}` keeps only the present one"
        )
    if url := os.environ.get("PREFECT_API_URL"):
        yield (
            f"contact sheets on the Prefect server at {url}, if its database is elsewhere: "
            f"`prefect artifact delete {prefect_database.SHEET}`"
        )
    if unmarked := _unmarked_answers(workspace):
        yield (
            f"{unmarked} answers of models that do not name their photo (requested by an older "
            f"version, or by hand): {workspace.calls / 'answers'}"
        )
    yield "copies that people made: exported shards, galleries of `view --out`, backups, clones"


def _describe_reviews(unreadable: Sequence[Path]) -> Iterator[str]:
    yield from (
        f"marks in {path}, which is no review file that can be read: look at it"
        for path in unreadable
    )


def _unmarked_answers(workspace: Workspace) -> int:
    count = 0
    for path in (workspace.calls / "answers").glob("??/*.json"):
        try:
            count += not json.loads(path.read_bytes()).get("photo")
        except (ValueError, AttributeError):
            continue
    return count


def _remotes(workspace: Workspace) -> list[tuple[str, str]]:
    from dvc.repo import Repo

    with translate_errors(workspace), Repo(str(workspace.root)) as repo:
        return [(name, remote["url"]) for name, remote in repo.config["remote"].items()]


def _references_to(workspace: Workspace, cache: ObjectCache, gone: set[str]) -> Iterator[str]:
    """Yield the tags, branches and experiments whose dvc.lock refers to objects in `gone`."""
    for reference in _git(workspace, "for-each-ref", "--format=%(refname)").split():
        lock = _git(workspace, "show", f"{reference}:dvc.lock")
        if gone & _objects(cache, lock):
            yield reference


def _git(workspace: Workspace, *words: str) -> str:
    command = ["git", "-C", str(workspace.root), *words]
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603
    return done.stdout if done.returncode == 0 else ""


def _objects(cache: ObjectCache, lock: str) -> set[str]:
    """Return the digests of all objects that a dvc.lock refers to, as far as listings are here."""
    try:
        stages: dict[str, Any] = (yaml.safe_load(lock) or {}).get("stages", {})
    except yaml.YAMLError:
        return set()
    outs = {out["md5"] for stage in stages.values() for out in stage.get("outs", [])}
    listings = [cache.listing(digest) for digest in outs if digest.endswith(LISTING)]
    return outs.union(*(listing.values() for listing in listings if listing))
