"""What is wrong with the choice of back ends and their options, before any model is loaded."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from stages.engine.section import complaints, format_value, unknown_key
from stages.engine.stage import BaseParams
from stages.models.registry import profiles
from stages.models.registry.backends import BACKENDS, REQUIRED


def find_problems(base: BaseParams) -> list[str]:
    """What is wrong with section ``base`` as far as it names back ends, a line each. No back end is
    imported, no file looked for."""
    known = profiles.read_profiles()
    if base.profile not in known:
        allowed = ", ".join(sorted(known))
        given = format_value(base.profile)
        return [f"`base.profile`: no such profile (got {given}; allowed: {allowed})"]
    own = known[base.profile]
    if strange := [role for role in base.models if role not in own]:
        return [unknown_key(("base", "models", role), own) for role in strange]
    there = sorted(role for role in own if base.models.get(role, {}) is not None)
    lines = [
        f"`base.models.{role}`: this role may not be left out"
        for role in REQUIRED
        if role not in there
    ]
    lines += [line for role in there for line in _unknown_backend(base, role)]
    return lines or [line for role in there for line in _wrong_options(base, role, there)]


def find_missing(base: BaseParams) -> Iterator[str]:
    """What the back ends need and this machine lacks: folders, keys, pins of models; a line each.
    Weights that can be fetched are not looked for."""
    for role in profiles.roles(base):
        for option, words in profiles.options(role, base).find_missing():
            yield f"`{'.'.join((*_place(base, role), option))}`: {words}"


def _place(base: BaseParams, role: str) -> tuple[str, ...]:
    """Keys that lead to the role's options, in params.yaml or in the profile."""
    inside = base.models.get(role) is not None
    return ("base", "models", role) if inside else ("profile " + base.profile, role)


def _unknown_backend(base: BaseParams, role: str) -> Iterator[str]:
    default = profiles.read_profiles()[base.profile][role].backend
    named = (base.models.get(role) or {}).get("backend", default)
    if named not in list(BACKENDS[role]):
        where, known = ".".join(_place(base, role)), ", ".join(sorted(BACKENDS[role]))
        yield f"`{where}.backend`: no such back end (got {format_value(named)}; allowed: {known})"


def _wrong_options(base: BaseParams, role: str, there: list[str]) -> Iterator[str]:
    chosen, where = profiles.choice(role, base), _place(base, role)
    backend = profiles.find_backend(role, base)
    model = backend.options_model()
    try:
        model.model_validate(chosen.options)
    except ValidationError as error:
        yield from complaints(error, model, chosen.options, *where)
    for other in backend.needs:
        if other not in there:
            yield (
                f"`{'.'.join(where)}.backend`: {chosen.backend} needs the role `{other}`, "
                "which is not there"
            )
