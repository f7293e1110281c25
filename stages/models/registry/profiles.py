"""Read which back end a profile chooses for a role: ``profiles.yaml`` and `base.models` in
params.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict

from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError
from stages.models.options import Options
from stages.models.registry.backends import BACKENDS, Backend

T = TypeVar("T")
PROFILES = Path(__file__).parents[1] / "profiles.yaml"
Profile = str | BaseParams
"""A profile's name; or section ``base``, whose `models` replace options of the profile."""


class RegistryError(FactoryError):
    """A profile, role or back end does not exist; the message names those that do."""


class Choice(BaseModel):
    """A back end and its options, as written in a profile."""

    model_config = ConfigDict(extra="allow", frozen=True)
    backend: str

    @property
    def options(self) -> dict[str, Any]:
        """Everything except the name of the back end."""
        return self.model_extra or {}


@cache
def read_profiles() -> dict[str, dict[str, Choice]]:
    """Read all profiles: name to role to choice."""
    data = yaml.safe_load(PROFILES.read_text(encoding="utf-8"))
    return {
        name: {role: Choice.model_validate(choice) for role, choice in roles.items()}
        for name, roles in data.items()
    }


def roles(profile: Profile) -> dict[str, Choice]:
    """Return the choices of a profile by role.

    Raises:
        RegistryError: no such profile, or options for a role that it does not have.
    """
    base = profile if isinstance(profile, BaseParams) else BaseParams(profile=profile)
    chosen = dict(_pick(read_profiles(), base.profile, "profile"))
    for role, options in base.models.items():
        default = _pick(chosen, role, f"role of profile {base.profile!r}").model_dump()
        if options is None:
            del chosen[role]
            continue
        if options.get("backend", default["backend"]) != default["backend"]:
            default = {}  # the profile's options belong to another back end
        chosen[role] = Choice.model_validate({**default, **options})
    return chosen


def choice(role: str, profile: Profile) -> Choice:
    """Return the back end and options that `profile` chooses for `role`.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    name = profile.profile if isinstance(profile, BaseParams) else profile
    chosen = _pick(roles(profile), role, f"role of profile {name!r}")
    _pick(BACKENDS[role], chosen.backend, f"{role} back end")
    return chosen


def find_backend(role: str, profile: Profile) -> Backend:
    """Return the table's entry of the back end that `profile` chooses for `role`.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    chosen = choice(role, profile)
    return BACKENDS[role][chosen.backend]


def options(role: str, profile: Profile) -> Options:
    """Return the validated options of the back end that `profile` chooses for `role`.

    Raises:
        RegistryError: no such profile, role or back end.
        ValidationError: the options are wrong; `checks.find_problems` explains how.
    """
    model = find_backend(role, profile).options_model()
    return model.model_validate(choice(role, profile).options)


def _pick(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise RegistryError(f"{what} {name!r} does not exist; known: {', '.join(sorted(known))}")
    return known[name]
