"""All weights that profiles need: from registry packages, https addresses and the model hub.

Back ends name the weights that they need (`registry.weights`); all three kinds are pinned in
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
_MODULES: dict[type[Weights], ModuleType] = {Entry: packages, RemoteFile: remote, HubModel: hub}


def find(name: str) -> Weights:
    """Find pinned weights by name; a name with a slash is a hub model.

    Raises:
        WeightsError: the weights do not exist, or the hub model is not pinned.
    """
    if "/" in name:
        return hub.find(name)
    known: dict[str, Entry | RemoteFile] = {**packages.catalogue(), **remote.catalogue()}
    if name not in known:
        raise WeightsError(f"weights {name!r} do not exist; known: {', '.join(sorted(known))}")
    return known[name]


def find_needed(profile: Profile) -> list[Weights]:
    """Find the weights that a profile needs, without duplicates.

    Raises:
        RegistryError: the profile does not exist.
        WeightsError: the profile names weights that do not exist or are not pinned.
    """
    return [find(name) for name in registry.weights(profile)]


def is_available(weights: Weights) -> bool:
    """Check that all files exist and match their pins. Reads every byte."""
    return _MODULES[type(weights)].is_available(weights)


def fetch(weights: Weights) -> str:
    """Fetch weights unless they are available; returns ``present`` or ``fetched``.

    Raises:
        WeightsError: the download failed or does not match the pins.
    """
    return _MODULES[type(weights)].fetch(weights)
