"""Validate the choice of back ends and their options before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from stages.engine.section import complaints, format_value, unknown_key
from stages.engine.stage import BaseParams
from stages.models.registry import profiles
from stages.models.registry.backends import BACKENDS, REQUIRED


def find_problems(base: BaseParams) -> list[str]:
    """Return a line for each problem with the profile and `models` of section ``base``.

    The back ends' classes are not imported, and no file is looked for.
    """
    known = profiles.read_profiles()
    if base.profile not in known:
        allowed = ", ".join(sorted(known))
        name = format_value(base.profile)
        return [f"`base.profile`: no such profile (got {name}; allowed: {allowed})"]
    profile = known[base.profile]
    if unknown := [role for role in base.models if role not in profile]:
        return [unknown_key(("base", "models", role), profile) for role in unknown]
    used = sorted(role for role in profile if base.models.get(role, {}) is not None)
    lines = [
        f"`base.models.{role}`: this role may not be left out"
        for role in REQUIRED
        if role not in used
    ]
    lines += [line for role in used for line in _find_unknown_backend(base, role)]
    return lines or [line for role in used for line in _find_wrong_options(base, role, used)]


def find_missing(base: BaseParams) -> Iterator[str]:
    """Yield a line for each thing that the back ends need and this machine lacks: folders, keys,
    pins of models. Weights that can be fetched are not checked."""
    for role in profiles.roles(base):
        for option, message in profiles.options(role, base).find_missing():
            yield f"`{'.'.join((*_path(base, role), option))}`: {message}"


def _path(base: BaseParams, role: str) -> tuple[str, ...]:
    """Return the keys that lead to the role's options, in params.yaml or in the profile."""
    in_params = base.models.get(role) is not None
    return ("base", "models", role) if in_params else ("profile " + base.profile, role)


def _find_unknown_backend(base: BaseParams, role: str) -> Iterator[str]:
    default = profiles.read_profiles()[base.profile][role].backend
    named = (base.models.get(role) or {}).get("backend", default)
    if named not in list(BACKENDS[role]):
        where, known = ".".join(_path(base, role)), ", ".join(sorted(BACKENDS[role]))
        yield f"`{where}.backend`: no such back end (got {format_value(named)}; allowed: {known})"


def _find_wrong_options(base: BaseParams, role: str, used: list[str]) -> Iterator[str]:
    chosen, where = profiles.choice(role, base), _path(base, role)
    backend = profiles.find_backend(role, base)
    model = backend.options_model()
    try:
        model.model_validate(chosen.options)
    except ValidationError as error:
        yield from complaints(error, model, chosen.options, *where)
    for other in backend.needs:
        if other not in used:
            yield (
                f"`{'.'.join(where)}.backend`: {chosen.backend} needs the role `{other}`, "
                "which the profile does not have"
            )
