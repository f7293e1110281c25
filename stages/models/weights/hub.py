"""Models of the Hugging Face hub, pinned by commit, in the hub's own cache (``HF_HOME``).

A profile names a model as a folder (relative: of this checkout), as ``owner/repo``, which must
then stand in ``weights.toml`` with its commit, or as ``owner/repo@revision``, where the user says
what to take. Nothing is downloaded while a photo is worked on, only when `fetch` is asked to.
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
"""What is taken of a repository that ``weights.toml`` does not know: no pickles, no code."""


_CONTENT = (".safetensors", ".json", ".txt")


class HubFile(BaseModel):
    """One file whose content is pinned beside the commit."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    path: str
    bytes: int = Field(gt=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class HubModel(BaseModel):
    """A repository of the hub at one revision."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    repo: str
    revision: str
    """A commit; only a name that a user wrote with ``@`` may have a branch or tag here."""
    licence: str
    patterns: tuple[str, ...] = PATTERNS
    """Files wanted, as the hub's client matches them (``*`` crosses folders)."""
    files: tuple[HubFile, ...] = ()

    @property
    def name(self) -> str:
        """As profiles have it."""
        return self.repo

    @property
    def source(self) -> str:
        """Where it comes from, for the reader."""
        return f"huggingface.co/{self.repo}@{self.revision[:12]}"

    @property
    def size(self) -> int | None:
        """Bytes, where the pins tell."""
        return sum(file.bytes for file in self.files) or None


@cache
def catalogue() -> dict[str, HubModel]:
    """The pinned models of ``weights.toml`` by repository."""
    data = tomllib.loads(CATALOGUE.read_text(encoding="utf-8"))
    return {model.repo: model for model in map(HubModel.model_validate, data["hub"])}


def named(name: str, revision: str | None) -> str:
    """A name with the commit that a profile gives beside it."""
    return name if revision is None else f"{name}@{revision}"


def local(name: str | Path) -> Path | None:
    """The folder of that name, relative to this checkout; None when it is a name of the hub."""
    folder = ROOT / name
    return folder if folder.is_dir() else None


def find(name: str) -> HubModel:
    """What a hub name stands for.

    Raises:
        WeightsError: not a hub name, or one that nobody pinned.
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
            f"hub model {repo!r} is not pinned in {CATALOGUE.name}: what it is could change from "
            f"one build to the next. Name a commit ({repo}@<40 hex digits>) or a local folder"
        )
    return known


def revision(name: str) -> str:
    """What a profile's name stands for: a folder's sha256 over its weights and configurations by
    relative path, or a hub model's repository and commit. For a pinned commit nothing has to be
    there; a branch or tag is what the local copy was when it was fetched.

    Raises:
        WeightsError: not pinned, or a branch that was never fetched.
    """
    folder = local(name)
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
    """The folder that a profile's name stands for, pinned files checked (each read once).

    Raises:
        WeightsError: not pinned, not fetched or damaged; the message says the remedy.
    """
    folder = local(name)
    if folder is not None:
        return folder
    model = find(str(name))
    folder = _snapshot(model)
    for file in model.files:
        path = folder / file.path
        if not path.is_file() or digest_of(path) != file.sha256:
            raise WeightsError(f"{model.repo}: {file.path} is missing or damaged: {REMEDY}")
    return folder


def available(model: HubModel) -> bool:
    """True when the whole snapshot is there, with every file as it was pinned or, for the others,
    as the hub listed it when it was fetched."""
    try:
        return not _damaged(model, _snapshot(model))
    except WeightsError:
        return False


def fetch(model: HubModel) -> str:
    """Make a model present; ``present`` when it was, else ``fetched``.

    Raises:
        WeightsError: the hub did not serve it, or not what was pinned.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError

    try:
        damaged = bool(_damaged(model, _snapshot(model)))
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
            force_download=damaged,  # the client trusts what lies in its cache
        )
    except GatedRepoError as error:
        raise WeightsError(
            f"{model.repo} is gated: accept its licence at https://huggingface.co/{model.repo}, "
            "then set HF_TOKEN to a token that may read it"
        ) from error
    except Exception as error:  # the client's errors have no base of their own
        raise WeightsError(f"{model.source} was not served: {error}") from error
    if not available(model):
        raise WeightsError(f"{model.source} was served, but it is not what was pinned")
    return "fetched"


def _snapshot(model: HubModel) -> Path:
    """The local snapshot with every wanted file; their content unchecked."""
    from huggingface_hub import snapshot_download

    try:
        folder = snapshot_download(
            model.repo,
            revision=model.revision,
            allow_patterns=[*model.patterns],
            local_files_only=True,
        )
    except Exception as error:
        raise WeightsError(f"{model.source} is not here: {REMEDY}") from error
    return Path(folder)


def _damaged(model: HubModel, folder: Path) -> list[Path]:
    """Files of a snapshot that are not what they should be."""
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
        if path.is_file() and not _is_listed(path, entry):
            wrong.append(path)
    return wrong


def _is_listed(path: Path, entry: Any) -> bool:
    """Whether a file has the digest that the hub lists: large ones by sha256, small ones as git
    names them."""
    if entry.lfs:
        return sha256_file(path) == entry.lfs.sha256
    data = path.read_bytes()
    head = f"blob {len(data)}\0".encode()
    return hashlib.sha1(head + data, usedforsecurity=False).hexdigest() == entry.blob_id
