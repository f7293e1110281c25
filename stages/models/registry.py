"""From a role and a profile to a back end. A new back end is a file and a line in `BACKENDS`."""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import yaml
from pydantic import BaseModel, ConfigDict

from stages.engine.workspace import FactoryError
from stages.models import hub
from stages.models.protocols import Explainer, Judge, Perceiver, PerceptualMetric, Vocabulary

T = TypeVar("T")
PROFILES = Path(__file__).with_name("profiles.yaml")
BACKENDS: dict[str, dict[str, str]] = {
    "flow": {"diffusers": "stages.models.registry:DiffusersFlow"},
    "vocabulary": {"words": "stages.models.words:WordList"},
    "perceiver": {
        "mediapipe": "stages.models.mediapipe:MediapipePerceiver",
        "grounded": "stages.models.grounded:GroundedPerceiver",
    },
    "metric": {"lpips-alex": "stages.models.lpips:AlexLpips"},
    "judge": {"features": "stages.models.judge:FeatureJudge"},
    "explainer": {"grammar": "stages.models.grammar:GrammarExplainer"},
}
"""Role to back end to ``module:class``; imported when it is asked for."""


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


def choice(role: str, profile: str) -> Choice:
    """What `profile` takes for `role`.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    roles = _pick(profiles(), profile, "profile")
    chosen = _pick(roles, role, f"role of profile {profile!r}")
    _pick(BACKENDS[role], chosen.backend, f"{role} back end")
    return chosen


def create(role: str, profile: str, **arguments: Any) -> Any:
    """The back end, loaded. `arguments` come on top of the profile's options.

    Raises:
        RegistryError: no such profile, role or back end.
        WeightsError: its weights are missing or damaged.
    """
    chosen = choice(role, profile)
    return _load(BACKENDS[role][chosen.backend])(**chosen.options, **arguments)


def revision(role: str, profile: str) -> str:
    """Back end, options and a digest of its weights; loads no weights.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    chosen = choice(role, profile)
    digest = _load(BACKENDS[role][chosen.backend]).revision(**chosen.options)
    options = json.dumps(chosen.options, sort_keys=True)
    short = hashlib.sha256(f"{options}\n{digest}".encode()).hexdigest()[:16]
    return f"{chosen.backend}:{short}"


def revisions(profile: str, *roles: str) -> dict[str, str]:
    """`revision` of several roles by role, as ``Stage.revisions`` wants them."""
    return {role: revision(role, profile) for role in roles}


def weights(profile: str) -> list[str]:
    """Names of all weights that a profile's back ends need, each once (`stages.models.weights`).

    Raises:
        RegistryError: no such profile, role or back end.
    """
    names: list[str] = []
    for role in _pick(profiles(), profile, "profile"):
        chosen = choice(role, profile)
        target = _load(BACKENDS[role][chosen.backend])
        if hasattr(target, "weights"):  # rules and remote models have none
            names += target.weights(**chosen.options)
    return list(dict.fromkeys(names))


def vocabulary(profile: str) -> Vocabulary:
    """The profile's vocabulary, loaded. Raises as `create` does."""
    return cast(Vocabulary, create("vocabulary", profile))


def perceiver(profile: str, **arguments: Any) -> Perceiver:
    """The profile's perceiver, loaded. Raises as `create` does."""
    return cast(Perceiver, create("perceiver", profile, **arguments))


def metric(profile: str) -> PerceptualMetric:
    """The profile's perceptual metric, loaded. Raises as `create` does."""
    return cast(PerceptualMetric, create("metric", profile))


def judge(profile: str, **arguments: Any) -> Judge:
    """The profile's judge, loaded. Raises as `create` does."""
    return cast(Judge, create("judge", profile, **arguments))


def explainer(profile: str, **arguments: Any) -> Explainer:
    """The profile's explainer, loaded. Raises as `create` does."""
    return cast(Explainer, create("explainer", profile, **arguments))


class DiffusersFlow:
    """``stages.models.flow.Flow`` with the plain values that a profile can hold."""

    def __new__(
        cls, name: str, dtype: str = "float32", device: str = "cpu", guidance: float = 1.0
    ) -> Any:
        """The loaded model; `name` is a folder (relative: of this checkout) or a hub name."""
        import torch

        from stages.models.flow import Flow

        return Flow.load(hub.resolve(name), getattr(torch, dtype), device, guidance)

    @classmethod
    def revision(cls, name: str, **_: Any) -> str:
        """Digest of the folder's weights and configurations, or the hub's commit."""
        return hub.revision(name)

    @classmethod
    def weights(cls, name: str, **_: Any) -> list[str]:
        """The hub's model; a folder is there already."""
        return [] if hub.local(name) else [name]


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def _pick(known: Mapping[str, T], name: str, what: str) -> T:
    if name not in known:
        raise RegistryError(f"{what} {name!r} does not exist; known: {', '.join(sorted(known))}")
    return known[name]
