"""What a profile's back ends ask the chat model, and which model that is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.models.registry.loading import options_argument
from stages.models.registry.profiles import Profile, find_backend


def questions(role: str, profile: Profile) -> dict[str, str]:
    """What the role's back end, and those it needs, ask of the profile's `chat`: template to how
    often (``photo`` or ``variant``). Empty where nothing is asked.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    return {path.stem: often for path, often in _templates(role, profile).items()}


def _templates(role: str, profile: Profile) -> dict[Path, str]:
    backend = find_backend(role, profile)
    found: dict[Path, str] = dict(getattr(backend.load(), "asks", {}))
    for other in backend.needs:
        found |= _templates(other, profile)
    return found


def prompts(profile: Profile, *used: str) -> dict[str, str]:
    """Questions of several roles: template to its name, version and digest.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    paths = [path for role in used for path in _templates(role, profile)]
    if not paths:
        return {}
    from stages.models.chat import prompts as templates

    return templates.ids(paths)


@dataclass(frozen=True)
class LedgerModel:
    """The chat model of a profile, as the ledger of calls knows it."""

    name: str
    free: bool
    """It runs in this process, for no money."""


def ledger_model(profile: Profile) -> LedgerModel:
    """The chat model that the profile's back ends use.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    made_by = find_backend("chat", profile).load()
    return LedgerModel(made_by.ledger_name(**options_argument("chat", profile)), made_by.free)
