"""From a role and a profile to a back end. A new back end is a file and a line in `BACKENDS`."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from stages.engine.section import complaints, format_value, unknown_key
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError
from stages.models.options import OPTIONS, Options
from stages.models.protocols import Captioner, Explainer, Judge, Perceiver, PerceptualMetric

T = TypeVar("T")
PROFILES = Path(__file__).with_name("profiles.yaml")
BACKENDS: dict[str, dict[str, str]] = {
    "chat": {
        "openai": "stages.models.chat.backends:EndpointChat",
        "transformers": "stages.models.chat.backends:LocalChat",
    },
    "vocabulary": {
        "words": "stages.models.vocabulary.words:WordList",
        "vlm": "stages.models.vocabulary.vlm:VlmVocabulary",
    },
    "captioner": {"vlm": "stages.models.captioner.vlm:VlmCaptioner"},
    "flow": {"diffusers": "stages.models.flow.backend:DiffusersFlow"},
    "perceiver": {
        "mediapipe": "stages.models.perceiver.mediapipe:MediapipePerceiver",
        "grounded": "stages.models.perceiver.grounded.perceiver:GroundedPerceiver",
    },
    "metric": {"lpips-alex": "stages.models.metric.lpips:AlexLpips"},
    "judge": {
        "features": "stages.models.judge.features.judge:FeatureJudge",
        "vlm": "stages.models.judge.vlm:VlmJudge",
    },
    "explainer": {
        "grammar": "stages.models.explainer.grammar:GrammarExplainer",
        "vlm": "stages.models.explainer.vlm:VlmExplainer",
    },
}
"""Role to back end to ``module:class``; imported when it is asked for. A class that stands on other
roles names them in ``needs`` and gets their back ends as arguments; one that asks `chat` names its
questions in ``asks``."""
REQUIRED = ("flow", "perceiver", "metric", "judge", "explainer")
"""Roles that some stage asks for whatever the profile."""
Profile = str | BaseParams
"""A profile's name; or section ``base``, whose `models` come on top of the profile's options."""


class RegistryError(FactoryError):
    """A profile, role or back end that does not exist; the message names those that do."""


class Choice(BaseModel):
    """A back end and its options, as a profile has them."""

    model_config = ConfigDict(extra="allow", frozen=True)
    backend: str

    @property
    def options(self) -> dict[str, Any]:
        """Everything beside the name."""
        return self.model_extra or {}


@cache
def profiles() -> dict[str, dict[str, Choice]]:
    """All profiles: name to role to choice."""
    data = yaml.safe_load(PROFILES.read_text(encoding="utf-8"))
    return {
        name: {role: Choice.model_validate(choice) for role, choice in roles.items()}
        for name, roles in data.items()
    }


def roles(profile: Profile) -> dict[str, Choice]:
    """Role to choice of one profile.

    Raises:
        RegistryError: no such profile, or options for a role that it does not have.
    """
    base = profile if isinstance(profile, BaseParams) else BaseParams(profile=profile)
    chosen = dict(_pick(profiles(), base.profile, "profile"))
    for role, options in base.models.items():
        given = _pick(chosen, role, f"role of profile {base.profile!r}").model_dump()
        if options is None:
            del chosen[role]
            continue
        if options.get("backend", given["backend"]) != given["backend"]:
            given = {}  # the profile's options are another back end's
        chosen[role] = Choice.model_validate({**given, **options})
    return chosen


def choice(role: str, profile: Profile) -> Choice:
    """What `profile` takes for `role`.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    name = profile.profile if isinstance(profile, BaseParams) else profile
    chosen = _pick(roles(profile), role, f"role of profile {name!r}")
    _pick(BACKENDS[role], chosen.backend, f"{role} back end")
    return chosen


def _given(base: BaseParams, role: str) -> tuple[str, ...]:
    """Where a person finds the role's options."""
    inside = base.models.get(role) is not None
    return ("base", "models", role) if inside else ("profile " + base.profile, role)


def problems(base: BaseParams) -> list[str]:
    """What is wrong with section ``base`` as far as it names back ends, a line each. Nothing is
    imported or looked for."""
    if base.profile not in profiles():
        known = ", ".join(sorted(profiles()))
        return [
            f"`base.profile`: no such profile (got {format_value(base.profile)}; allowed: {known})"
        ]
    own = profiles()[base.profile]
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


def _unknown_backend(base: BaseParams, role: str) -> Iterator[str]:
    named = (base.models.get(role) or {}).get("backend", profiles()[base.profile][role].backend)
    if named not in list(BACKENDS[role]):
        where, known = ".".join(_given(base, role)), ", ".join(sorted(BACKENDS[role]))
        yield f"`{where}.backend`: no such back end (got {format_value(named)}; allowed: {known})"


def _wrong_options(base: BaseParams, role: str, there: list[str]) -> Iterator[str]:
    chosen = choice(role, base)
    model, where = OPTIONS[role, chosen.backend], _given(base, role)
    try:
        model.model_validate(chosen.options)
    except ValidationError as error:
        yield from complaints(error, model, chosen.options, *where)
    for other in [other for other in model.needs if other not in there]:
        yield (
            f"`{'.'.join(where)}.backend`: {chosen.backend} needs the role `{other}`, "
            "which is not there"
        )


def options(role: str, base: BaseParams) -> Options:
    """The checked options of a role that `problems` has no word about."""
    chosen = choice(role, base)
    return OPTIONS[role, chosen.backend].model_validate(chosen.options)


def missing(base: BaseParams) -> Iterator[str]:
    """What the back ends need and this machine lacks: folders, keys, pins of models; a line each.
    Weights that can be fetched are not looked for."""
    for role in roles(base):
        for option, words in options(role, base).missing():
            yield f"`{'.'.join((*_given(base, role), option))}`: {words}"


def create(role: str, profile: Profile, **arguments: Any) -> Any:
    """The back end, loaded. `arguments` come on top of the profile's options.

    Raises:
        RegistryError: no such profile, role or back end.
        WeightsError: its weights are missing or damaged.
    """
    chosen = choice(role, profile)
    made_by = _load(BACKENDS[role][chosen.backend])
    needed = {other: create(other, profile) for other in _needs(made_by)}
    return made_by(**chosen.options, **needed, **arguments)


def revision(role: str, profile: Profile) -> str:
    """Back end, options and a digest of its weights, and of those it needs; loads no weights.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    chosen = choice(role, profile)
    made_by = _load(BACKENDS[role][chosen.backend])
    parts = [json.dumps(chosen.options, sort_keys=True), made_by.revision(**chosen.options)]
    parts += [revision(other, profile) for other in _needs(made_by)]
    short = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{chosen.backend}:{short}"


def modules(profile: Profile, *roles: str) -> tuple[str, ...]:
    """Modules of the back ends that the profile chose for `roles`, and of those they need, each
    once. None is imported.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    found: list[str] = []
    for role in roles:
        backend = choice(role, profile).backend
        found.append(BACKENDS[role][backend].partition(":")[0])
        found += modules(profile, *OPTIONS[role, backend].needs)
    return tuple(dict.fromkeys(found))


def revisions(profile: Profile, *roles: str) -> dict[str, str]:
    """`revision` of several roles by role, as ``Stage.revisions`` wants them."""
    return {role: revision(role, profile) for role in roles}


def devices(profile: Profile, *roles: str) -> frozenset[str]:
    """Devices that the roles' back ends, and those they need, compute on, as
    ``Stage.devices`` wants them.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    found: set[str] = set()
    for role in roles:
        chosen = choice(role, profile)
        if "device" in chosen.options:
            found.add(str(chosen.options["device"]))
        found |= devices(profile, *_needs(_load(BACKENDS[role][chosen.backend])))
    return frozenset(found)


def questions(role: str, profile: Profile) -> dict[str, str]:
    """What the role's back end, and those it needs, ask of the profile's `chat`: template to how
    often (``photo`` or ``variant``). Empty where nothing is asked.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    made_by = _load(BACKENDS[role][choice(role, profile).backend])
    found: dict[str, str] = dict(getattr(made_by, "asks", {}))
    for other in _needs(made_by):
        found |= questions(other, profile)
    return found


@dataclass(frozen=True)
class Asked:
    """The model behind the profile's `chat`."""

    name: str
    """As the ledger has it."""
    free: bool
    """In this process, for no money."""


def asked(profile: Profile) -> Asked:
    """Whom the profile's back ends ask.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    chosen = choice("chat", profile)
    made_by = _load(BACKENDS["chat"][chosen.backend])
    return Asked(made_by.ledger_name(**chosen.options), made_by.free)


def prompts(profile: Profile, *roles: str) -> dict[str, str]:
    """Questions of several roles: template to its name, version and digest.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    from stages.models.chat import prompts as templates

    names = [name for role in roles for name in questions(role, profile)]
    return {name: templates.load(name).id for name in names}


def weights(profile: Profile) -> list[str]:
    """Names of all weights that a profile's back ends need, each once (`weights.catalogue`).

    Raises:
        RegistryError: no such profile, role or back end.
    """
    names: list[str] = []
    for role in roles(profile):
        chosen = choice(role, profile)
        target = _load(BACKENDS[role][chosen.backend])
        if hasattr(target, "weights"):  # rules and remote models have none
            names += target.weights(**chosen.options)
    return list(dict.fromkeys(names))


def perceiver(profile: Profile, **arguments: Any) -> Perceiver:
    """The profile's perceiver, loaded. Raises as `create` does."""
    return cast(Perceiver, create("perceiver", profile, **arguments))


def captioner(profile: Profile) -> Captioner:
    """The profile's captioner, loaded. Raises as `create` does."""
    return cast(Captioner, create("captioner", profile))


def metric(profile: Profile) -> PerceptualMetric:
    """The profile's perceptual metric, loaded. Raises as `create` does."""
    return cast(PerceptualMetric, create("metric", profile))


def judge(profile: Profile, **arguments: Any) -> Judge:
    """The profile's judge, loaded. Raises as `create` does."""
    return cast(Judge, create("judge", profile, **arguments))


def explainer(profile: Profile, **arguments: Any) -> Explainer:
    """The profile's explainer, loaded. Raises as `create` does."""
    return cast(Explainer, create("explainer", profile, **arguments))


def _needs(made_by: Any) -> tuple[str, ...]:
    return getattr(made_by, "needs", ())


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _pick(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise RegistryError(f"{what} {name!r} does not exist; known: {', '.join(sorted(known))}")
    return known[name]
