"""Single files of weights at an https address, pinned by size and sha256."""

from __future__ import annotations

import time
import tomllib
from functools import cache
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError, URLError

from pydantic import BaseModel, ConfigDict, Field

from stages.engine.files import sha256_file
from stages.models.weights import packages
from stages.models.weights.digests import digest_of
from stages.models.weights.packages import CATALOGUE, REMEDY, WeightsError

ATTEMPTS = 3
"""Maximum number of attempts to fetch a file."""


class RemoteFile(BaseModel):
    """One file at an https address."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[\w.-]+$")
    url: str = Field(pattern=r"^https://[\w./-]+$")
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    terms: str = ""
    """What the licence says about data made with the weights."""

    @property
    def source(self) -> str:
        """Origin, for display."""
        return self.url.removeprefix("https://")

    @property
    def size(self) -> int:
        """Size in bytes."""
        return self.bytes

    @property
    def path(self) -> Path:
        """Path of the fetched file."""
        return packages.FOLDER / self.name / self.url.rpartition("/")[2]


@cache
def catalogue() -> dict[str, RemoteFile]:
    """Return the pinned files of ``weights.toml`` by name."""
    data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {file.name: file for file in map(RemoteFile.model_validate, data["files"])}


def revision(name: str) -> str:
    """Return the name with the first 12 digits of the pinned digest; reads no weights."""
    return f"{name}-{catalogue()[name].sha256[:12]}"


def path(name: str) -> Path:
    """Return a file's path after checking its content.

    Raises:
        WeightsError: the file is missing or damaged; the message names the remedy.
        KeyError: the catalogue has no such file.
    """
    file = catalogue()[name]
    if not file.path.is_file():
        raise WeightsError(f"weights {name} are missing: {REMEDY}")
    if digest_of(file.path) != file.sha256:
        raise WeightsError(f"weights {name} are damaged: {REMEDY}")
    return file.path


def is_available(file: RemoteFile) -> bool:
    """Check that the file exists and matches its pin. Reads every byte."""
    return file.path.is_file() and sha256_file(file.path) == file.sha256


def fetch(file: RemoteFile) -> str:
    """Fetch a file unless it is available; returns ``present`` or ``fetched``.

    A fault of the network or of the server is tried again, `ATTEMPTS` times in all; a wrong digest
    or address is not: it would be the same again.

    Raises:
        WeightsError: the download failed or does not match the pin; nothing of it is kept.
    """
    if is_available(file):
        return "present"
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential
    from torch.hub import download_url_to_file  # checks the digest before moving the file

    retrying = Retrying(
        stop=stop_after_attempt(ATTEMPTS),
        wait=wait_random_exponential(multiplier=2.0, max=30.0),
        retry=retry_if_exception(_may_pass),
        sleep=lambda seconds: time.sleep(seconds),
        reraise=True,
    )
    file.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        retrying(download_url_to_file, file.url, str(file.path), file.sha256)
    except (OSError, HTTPException, RuntimeError) as error:
        raise WeightsError(f"{file.url} could not be fetched: {error}") from error
    return "fetched"


def _may_pass(error: BaseException) -> bool:
    """Whether an error of a download may be gone at the next attempt."""
    if isinstance(error, HTTPError):
        return error.code in (408, 429) or error.code >= 500
    return isinstance(error, URLError | ConnectionError | TimeoutError | HTTPException)
