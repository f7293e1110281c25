"""Models of the Hugging Face hub, pinned by commit, in the hub's own cache (``HF_HOME``).

A profile names a model in one of three ways: a folder (relative to this checkout); ``owner/repo``,
whose commit must be pinned in ``weights.toml``; or ``owner/repo@revision``, where the user chooses
the revision. Only `fetch` downloads; nothing is downloaded while photos are processed.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from stages.engine.files import sha256_file
from stages.models.weights.digests import digest_of
from stages.models.weights.packages import CATALOGUE, REMEDY, ROOT, WeightsError

NAME = re.compile(r"(?P<repo>[\w-][\w.-]*/[\w-][\w.-]*)(@(?P<revision>[\w-][\w./-]*))?")
COMMIT = re.compile(r"[0-9a-f]{40}")
PATTERNS = ("*.json", "*.txt", "*.model", "*.jinja", "*.safetensors")
"""Files to fetch from a repository that is not in ``weights.toml``: no pickles, no code."""

_CONTENT = (".safetensors", ".json", ".txt")


class HubFile(BaseModel):
    """One file whose content is pinned in addition to the commit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class HubModel(BaseModel):
    """A repository of the hub at one revision."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    repo: str
    revision: str
    """A commit; a branch or tag is possible only in a name that a user wrote with ``@``."""
    licence: str
    terms: str = ""
    """What the licence says about data made with the weights."""
    patterns: tuple[str, ...] = PATTERNS
    """Files to fetch, as patterns of the hub's client (``*`` also matches ``/``)."""
    files: tuple[HubFile, ...] = ()

    @property
    def name(self) -> str:
        """Name used in profiles."""
        return self.repo

    @property
    def source(self) -> str:
        """Origin, for display."""
        return f"huggingface.co/{self.repo}@{self.revision[:12]}"

    @property
    def size(self) -> int | None:
        """Total size of the pinned files in bytes; None if no file is pinned."""
        return sum(file.bytes for file in self.files) or None


@cache
def catalogue() -> dict[str, HubModel]:
    """Return the pinned models of ``weights.toml`` by repository."""
    data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {model.repo: model for model in map(HubModel.model_validate, data["hub"])}


def with_revision(name: str, revision: str | None) -> str:
    """Append the commit that a profile gives for a name, if any."""
    return name if revision is None else f"{name}@{revision}"


def local_folder(name: str | Path) -> Path | None:
    """Return the folder of that name, relative to this checkout; None if there is none."""
    folder = ROOT / name
    return folder if folder.is_dir() else None


def find(name: str) -> HubModel:
    """Find the model of a hub name.

    Raises:
        WeightsError: not a hub name, or not pinned.
    """
    match = NAME.fullmatch(name)
    if match is None:
        raise WeightsError(f"{name!r} is neither a folder nor a name of the model hub")
    repo, revision = match["repo"], match["revision"]
    known = catalogue().get(repo)
    if revision is not None:
        patterns = known.patterns if known else PATTERNS
        return HubModel(repo=repo, revision=revision, licence="as its card says", patterns=patterns)
    if known is None:
        raise WeightsError(
            f"hub model {repo!r} is not pinned in {CATALOGUE.name}, so it could change between "
            f"builds. Name a commit ({repo}@<40 hex digits>) or a local folder"
        )
    return known


def revision(name: str) -> str:
    """Return the revision of the model that a profile names.

    For a folder: sha256 over its weights and configurations by relative path. For a hub model: its
    repository and commit. A pinned commit needs no files on disk; a branch or tag is the commit of
    the local copy when it was fetched.

    Raises:
        WeightsError: the model is not pinned, or its branch was never fetched.
    """
    folder = local_folder(name)
    if folder is not None:
        digest = hashlib.sha256()
        for path in sorted(p for p in folder.rglob("*") if p.suffix in _CONTENT):
            digest.update(f"{path.relative_to(folder).as_posix()}\n".encode())
            digest.update(bytes.fromhex(digest_of(path)))
        return digest.hexdigest()
    model = find(name)
    commit = model.revision if COMMIT.fullmatch(model.revision) else _snapshot(model).name
    return f"{model.repo}@{commit}"


def resolve(name: str | Path) -> Path:
    """Return the folder of the model that a profile names, after checking its pinned files.

    Raises:
        WeightsError: not pinned, not fetched or damaged; the message names the remedy.
    """
    folder = local_folder(name)
    if folder is not None:
        return folder
    model = find(str(name))
    folder = _snapshot(model)
    for file in model.files:
        path = folder / file.path
        if not path.is_file() or digest_of(path) != file.sha256:
            raise WeightsError(f"{model.repo}: {file.path} is missing or damaged: {REMEDY}")
    return folder


def is_available(model: HubModel) -> bool:
    """Check that the snapshot is complete and undamaged.

    Pinned files are compared with their pins, the others with the hub's listing at fetch time.
    """
    try:
        return not _find_damaged(model, _snapshot(model))
    except WeightsError:
        return False


def fetch(model: HubModel) -> str:
    """Fetch a model unless it is available; returns ``present`` or ``fetched``.

    Raises:
        WeightsError: the download failed or does not match the pins.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError

    try:
        damaged = bool(_find_damaged(model, _snapshot(model)))
    except WeightsError:
        damaged = False
    else:
        if not damaged:
            return "present"
    try:
        snapshot_download(
            model.repo,
            revision=model.revision,
            allow_patterns=[*model.patterns],
            force_download=damaged,  # otherwise the client trusts its cache
        )
    except GatedRepoError as error:
        raise WeightsError(
            f"{model.repo} is gated: accept its licence at https://huggingface.co/{model.repo}, "
            "then set HF_TOKEN to a token that may read it"
        ) from error
    except Exception as error:  # the client's errors have no common base class
        raise WeightsError(f"{model.source} could not be fetched: {error}") from error
    if not is_available(model):
        raise WeightsError(f"{model.source} was fetched, but does not match its pin")
    return "fetched"


def _snapshot(model: HubModel) -> Path:
    """Return the local snapshot if it has all wanted files; their content is not checked."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            model.repo,
            revision=model.revision,
            allow_patterns=[*model.patterns],
            local_files_only=True,
        )
    except Exception as error:
        raise WeightsError(f"{model.source} is not on this machine: {REMEDY}") from error
    return Path(folder)


def _find_damaged(model: HubModel, folder: Path) -> list[Path]:
    """Find the files of a snapshot that are missing or differ from their pin or listing."""
    from huggingface_hub import get_cached_repo_tree
    from huggingface_hub.errors import CachedRepoTreeNotFoundError

    pins = {folder / file.path: file.sha256 for file in model.files}
    wrong = [p for p, digest in pins.items() if not p.is_file() or sha256_file(p) != digest]
    try:
        listed = get_cached_repo_tree(model.repo, revision=folder.name)
    except CachedRepoTreeNotFoundError:  # fetched by an older client
        return wrong
    for entry in listed:
        path = folder / entry.path
        if path.is_file() and not _matches_listing(path, entry):
            wrong.append(path)
    return wrong


def _matches_listing(path: Path, entry: Any) -> bool:
    """Compare a file with the hub's listing: large files by sha256, small ones by git blob id."""
    if entry.lfs:
        return sha256_file(path) == entry.lfs.sha256
    data = path.read_bytes()
    head = f"blob {len(data)}\0".encode()
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest() == entry.blob_id
