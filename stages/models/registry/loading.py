"""The profile's back ends, and what is known of them without loading weights."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from stages.engine.stage import StageParams
from stages.models.options import Options
from stages.models.protocols import Captioner, Explainer, Judge, Perceiver, PerceptualMetric
from stages.models.registry.profiles import Profile, choice, find_backend, options, roles
from stages.models.registry.sections import section


def create(role: str, profile: Profile, params: StageParams | None = None, **arguments: Any) -> Any:
    """The back end, loaded.

    Args:
        role: what it is for.
        profile: says which one.
        params: section of the stage that uses it, with the back end's own in it; None: defaults.
        arguments: the stage's own, beside what `Backend` names.

    Raises:
        RegistryError: no such profile, role or back end.
        WeightsError: its weights are missing or damaged.
    """
    backend = find_backend(role, profile)
    given: dict[str, Any] = {**options_argument(role, profile)}
    if own := section(role, profile, params):
        given["params"] = own
    given |= {other: create(other, profile) for other in backend.needs}
    return backend.load()(**given, **arguments)


def revision(role: str, profile: Profile) -> str:
    """Back end, options and a digest of its weights, and of those it needs; loads no weights.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    chosen, backend = choice(role, profile), find_backend(role, profile)
    own = backend.load().revision(**options_argument(role, profile))
    parts = [json.dumps(chosen.options, sort_keys=True), own]
    parts += [revision(other, profile) for other in backend.needs]
    short = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
    return f"{chosen.backend}:{short}"


def revisions(profile: Profile, *used: str) -> dict[str, str]:
    """`revision` of several roles by role, as ``Stage.revisions`` wants them."""
    return {role: revision(role, profile) for role in used}


def modules(profile: Profile, *used: str) -> tuple[str, ...]:
    """Modules of the back ends that the profile chose for `used`, and of those they need, each
    once. None is imported.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    found: list[str] = []
    for role in used:
        backend = find_backend(role, profile)
        found += [backend.module, *modules(profile, *backend.needs)]
    return tuple(dict.fromkeys(found))


def devices(profile: Profile, *used: str) -> frozenset[str]:
    """Devices that the roles' back ends, and those they need, compute on, as ``Stage.devices``
    wants them.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    found: set[str] = set()
    for role in used:
        chosen = choice(role, profile)
        if "device" in chosen.options:
            found.add(str(chosen.options["device"]))
        found |= devices(profile, *find_backend(role, profile).needs)
    return frozenset(found)


def weights(profile: Profile) -> list[str]:
    """Names of all weights that a profile's back ends need, each once (`weights.catalogue`).

    Raises:
        RegistryError: no such profile, role or back end.
    """
    names: list[str] = []
    for role in roles(profile):
        made_by = find_backend(role, profile).load()
        if hasattr(made_by, "weights"):  # rules and remote models have none
            names += made_by.weights(**options_argument(role, profile))
    return list(dict.fromkeys(names))


def perceiver(profile: Profile, params: StageParams | None = None) -> Perceiver:
    """The profile's perceiver, loaded. Raises as `create` does."""
    return cast(Perceiver, create("perceiver", profile, params))


def captioner(profile: Profile, params: StageParams | None = None) -> Captioner:
    """The profile's captioner, loaded. Raises as `create` does."""
    return cast(Captioner, create("captioner", profile, params))


def metric(profile: Profile, params: StageParams | None = None) -> PerceptualMetric:
    """The profile's perceptual metric, loaded. Raises as `create` does."""
    return cast(PerceptualMetric, create("metric", profile, params))


def judge(profile: Profile, params: StageParams | None = None) -> Judge:
    """The profile's judge, loaded. Raises as `create` does."""
    return cast(Judge, create("judge", profile, params))


def explainer(profile: Profile, params: StageParams | None = None, *, seed: int) -> Explainer:
    """The profile's explainer, loaded. Raises as `create` does."""
    return cast(Explainer, create("explainer", profile, params, seed=seed))


def options_argument(role: str, profile: Profile) -> dict[str, Options]:
    """The checked options as the back end's argument; empty where it takes none."""
    declared = find_backend(role, profile).options
    return {"options": options(role, profile)} if declared else {}
