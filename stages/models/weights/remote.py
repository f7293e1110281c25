"""Single files of weights that lie behind a plain https address, pinned by size and sha256."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from stages.engine.files import sha256_file
from stages.models.weights import packages
from stages.models.weights.digests import digest_of
from stages.models.weights.packages import CATALOGUE, REMEDY, WeightsError


class RemoteFile(BaseModel):
    """One file behind an address."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[\w.-]+$")
    url: str = Field(pattern=r"^https://[\w./-]+$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str

    @property
    def source(self) -> str:
        """Where it comes from, for the reader."""
        return self.url.removeprefix("https://")

    @property
    def size(self) -> int:
        """Bytes."""
        return self.bytes

    @property
    def path(self) -> Path:
        """Where it lies once it is fetched."""
        return packages.FOLDER / self.name / self.url.rpartition("/")[2]


@cache
def catalogue() -> dict[str, RemoteFile]:
    """The pinned files of ``weights.toml`` by name."""
    data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {file.name: file for file in map(RemoteFile.model_validate, data["files"])}


def revision(name: str) -> str:
    """Name and the head of the pinned digest; reads no weights."""
    return f"{name}-{catalogue()[name].sha256[:12]}"


def path(name: str) -> Path:
    """Where a file lies, its content checked first.

    Raises:
        WeightsError: missing or damaged; the message says the remedy.
        KeyError: no such file in the catalogue.
    """
    file = catalogue()[name]
    if not file.path.is_file():
        raise WeightsError(f"weights {name} are missing: {REMEDY}")
    if digest_of(file.path) != file.sha256:
        raise WeightsError(f"weights {name} are damaged: {REMEDY}")
    return file.path


def available(file: RemoteFile) -> bool:
    """True when the file is there and is what was pinned. Reads every byte."""
    return file.path.is_file() and sha256_file(file.path) == file.sha256


def fetch(file: RemoteFile) -> str:
    """Make a file present; ``present`` when it was, else ``fetched``.

    Raises:
        WeightsError: it was not served, or is not what was pinned; nothing of it is kept.
    """
    if available(file):
        return "present"
    from torch.hub import download_url_to_file  # checks the digest before it moves the file there

    file.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        download_url_to_file(file.url, str(file.path), file.sha256)
    except (OSError, RuntimeError) as error:
        raise WeightsError(f"{file.url} could not be fetched: {error}") from error
    return "fetched"
