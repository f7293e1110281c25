"""Back ends' own sections of params.yaml, inside the section of the stage that uses them."""

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
    """Class decorator of a stage's params: gives every back end of the roles `used` that has params
    its section, under the back end's name.

    Raises:
        ValueError: two sections, or a section and a param of the stage, have one name.
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
        made.__qualname__ = model.__qualname__  # workers get params by the class's name
        return made

    return add


def section(role: str, profile: Profile, params: BaseModel | None) -> Section | None:
    """The params of the back end that `profile` takes for `role`, out of a stage's section; without
    one the defaults. None: the back end has no params.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    model = find_backend(role, profile).params_model()
    if model is None:
        return None
    return model() if params is None else getattr(params, choice(role, profile).backend)


def unused_sections(profile: Profile, *used: str) -> frozenset[str]:
    """Names of the sections of back ends that `profile` does not take for the roles `used`.

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
