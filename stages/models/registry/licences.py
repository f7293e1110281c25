"""Find the licences of the models that a profile uses, of their weights and of remote models."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from stages.models.registry.loading import options_argument
from stages.models.registry.profiles import Profile, find_backend, options, roles
from stages.models.weights import hub, packages, remote

UNKNOWN = "unknown"
MODEL_OPTIONS = ("name", "detector", "segmenter")
"""Options of back ends that name a model: a folder, or a name of a hub or an endpoint."""


class FolderModel(BaseModel):
    """A model in a folder that git tracks."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    """The folder, relative to the checkout."""
    licence: str
    terms: str = ""
    """What the licence says about data made with the weights."""


@dataclass(frozen=True)
class ModelLicence:
    """A model of a profile, with its licence."""

    role: str
    name: str
    """Without the folders of this machine."""
    licence: str
    """SPDX expression, or what the user wrote in params.yaml; ``unknown`` if nobody says."""
    terms: str
    """What the licence says about data made with the model; empty if nothing is known."""
    pinned: bool
    """Whether weights.toml gives the licence, so that a ``LicenseRef-`` is known."""


@cache
def folders() -> dict[str, FolderModel]:
    """Return the tracked folders of ``weights.toml`` by name."""
    data = tomllib.loads(packages.CATALOGUE.read_text(encoding="utf-8"))
    return {model.name: model for model in map(FolderModel.model_validate, data["folders"])}


def licences(profile: Profile, declared: Mapping[str, str]) -> list[ModelLicence]:
    """Return the licences of all models of a profile, by role, each model once a role.

    Args:
        profile: chooses the back ends.
        declared: name of a model to its licence, for those that weights.toml does not list.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    return [
        _find_licence(role, name, declared)
        for role in sorted(roles(profile))
        for name in _model_names(role, profile)
    ]


def _model_names(role: str, profile: Profile) -> Iterator[str]:
    """Yield the names of a role's models: those with weights to fetch, folders and remote ones."""
    backend = find_backend(role, profile).load()
    fetched: list[str] = []
    if hasattr(backend, "weights"):
        fetched = backend.weights(**options_argument(role, profile))
    yield from fetched
    chosen = options(role, profile)
    for option in MODEL_OPTIONS:
        name = getattr(chosen, option, None)
        if name and not any(name in (full, full.partition("@")[0]) for full in fetched):
            yield name


def _find_licence(role: str, name: str, declared: Mapping[str, str]) -> ModelLicence:
    shown = Path(name).name if Path(name).is_absolute() else name
    for given in (name, shown):
        if given in declared:
            return ModelLicence(role, shown, declared[given], "", pinned=False)
    pin = _find_pin(name)
    if pin is None:
        return ModelLicence(role, shown, UNKNOWN, "", pinned=False)
    return ModelLicence(role, shown, pin.licence, pin.terms, pinned=True)


def _find_pin(
    name: str,
) -> packages.Entry | remote.RemoteFile | hub.HubModel | FolderModel | None:
    """Return the entry of weights.toml; None for other models, and for other commits of a hub
    model, which may have another licence."""
    repo, _, revision = name.partition("@")
    if model := hub.catalogue().get(repo):
        return model if revision in ("", model.revision) else None
    tracked = folders().get(Path(name).as_posix())
    return tracked or packages.catalogue().get(name) or remote.catalogue().get(name)
