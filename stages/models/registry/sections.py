"""Nest the back ends' sections of params.yaml in the section of the stage that uses them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import BaseModel, create_model

from stages.engine.section import Section
from stages.engine.stage import StageParams
from stages.models.registry.backends import BACKENDS
from stages.models.registry.profiles import Profile, choice, find_backend, roles

P = TypeVar("P", bound=StageParams)


def add_sections(*used: str) -> Callable[[type[P]], type[P]]:
    """Return a class decorator that adds, to a stage's params, the sections of all back ends of the
    roles `used` that have params, each under the back end's name.

    Raises:
        ValueError: two sections, or a section and a param of the stage, have the same name.
    """

    def add(model: type[P]) -> type[P]:
        fields: dict[str, Any] = {}
        for role in used:
            for name, backend in BACKENDS[role].items():
                if section := backend.params_model():
                    if name in fields or name in model.model_fields:
                        raise ValueError(f"{model.__name__} has two params {name!r}")
                    fields[name] = (section, section())
        made = create_model(
            model.__name__,
            __base__=model,
            __module__=model.__module__,
            __doc__=model.__doc__,
            **fields,
        )
        made.__qualname__ = model.__qualname__  # params are pickled for workers by this name
        return made

    return add


def section(role: str, profile: Profile, params: BaseModel | None) -> Section | None:
    """Return the params of the back end that `profile` chooses for `role`: those in the stage's
    section `params`, or the defaults if that is None. None if the back end has no params.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    model = find_backend(role, profile).params_model()
    if model is None:
        return None
    return model() if params is None else getattr(params, choice(role, profile).backend)


def unused_sections(profile: Profile, *used: str) -> frozenset[str]:
    """Return the names of the sections of back ends that `profile` does not choose for the roles
    `used`.

    Raises:
        RegistryError: no such profile or back end.
    """
    chosen = roles(profile)
    return frozenset(
        name
        for role in used
        for name, backend in BACKENDS[role].items()
        if backend.params and (role not in chosen or chosen[role].backend != name)
    )
