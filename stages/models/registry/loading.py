"""Load a profile's back ends, and describe them without loading their weights."""

from __future__ import annotations

import hashlib
import json
from typing import Any, cast

from stages.engine.stage import StageParams
from stages.models.options import Options
from stages.models.protocols import (
    MEASURED,
    SMALL_CROPS,
    Captioner,
    Explainer,
    Judge,
    Perceiver,
    PerceptualMetric,
    SmallCrops,
)
from stages.models.registry.backends import BACKENDS
from stages.models.registry.profiles import Profile, choice, find_backend, options, roles
from stages.models.registry.sections import section


def create(role: str, profile: Profile, params: StageParams | None = None, **arguments: Any) -> Any:
    """Load the back end of a role, and those that it needs.

    Args:
        role: role of the back end.
        profile: chooses the back end.
        params: section of the stage that uses it, which contains the back end's own section. None:
            the defaults.
        arguments: arguments from the stage, in addition to those that `Backend` declares.

    Raises:
        RegistryError: no such profile, role or back end.
        WeightsError: its weights are missing or damaged.
    """
    backend = find_backend(role, profile)
    declared: dict[str, Any] = {**options_argument(role, profile)}
    if own := section(role, profile, params):
        declared["params"] = own
    declared |= {other: create(other, profile) for other in backend.needs}
    return backend.load()(**declared, **arguments)


def revision(role: str, profile: Profile) -> str:
    """Return the name of the back end and a digest of its options and weights, and of those of the
    back ends that it needs. Loads no weights.

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
    """Return the revisions of several roles by role, for `Stage.revisions`."""
    return {role: revision(role, profile) for role in used}


def modules(profile: Profile, *used: str) -> tuple[str, ...]:
    """Return the modules of the back ends of the roles `used`, and of those that they need, each
    once, without importing them.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    found: list[str] = []
    for role in used:
        backend = find_backend(role, profile)
        found += [backend.module, *modules(profile, *backend.needs)]
    return tuple(dict.fromkeys(found))


def scores() -> tuple[str, ...]:
    """Return the names of all scores that verdicts may have, whatever the profile, sorted."""
    judges = (backend.load() for backend in BACKENDS["judge"].values())
    return tuple(sorted({*MEASURED, *(name for judge in judges for name in judge.scores)}))


def devices(profile: Profile, *used: str) -> frozenset[str]:
    """Return the devices on which the back ends of the roles `used`, and those that they need,
    compute, for `Stage.devices`.

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
    """Return the names of all weights that a profile's back ends need (`weights.catalogue`), each
    once.

    Raises:
        RegistryError: no such profile, role or back end.
    """
    names: list[str] = []
    for role in roles(profile):
        backend_class = find_backend(role, profile).load()
        if hasattr(backend_class, "weights"):  # rules and remote models have none
            names += backend_class.weights(**options_argument(role, profile))
    return list(dict.fromkeys(names))


def perceiver(profile: Profile, params: StageParams | None = None) -> Perceiver:
    """Load the profile's perceiver. Raises the same errors as `create`."""
    return cast(Perceiver, create("perceiver", profile, params))


def captioner(profile: Profile, params: StageParams | None = None) -> Captioner:
    """Load the profile's captioner. Raises the same errors as `create`."""
    return cast(Captioner, create("captioner", profile, params))


def metric(
    profile: Profile, params: StageParams | None = None, *, small_crops: SmallCrops = SMALL_CROPS
) -> PerceptualMetric:
    """Load the profile's perceptual metric. Raises the same errors as `create`."""
    return cast(PerceptualMetric, create("metric", profile, params, small_crops=small_crops))


def judge(profile: Profile, params: StageParams | None = None) -> Judge:
    """Load the profile's judge. Raises the same errors as `create`."""
    return cast(Judge, create("judge", profile, params))


def explainer(profile: Profile, params: StageParams | None = None, *, seed: int) -> Explainer:
    """Load the profile's explainer. Raises the same errors as `create`."""
    return cast(Explainer, create("explainer", profile, params, seed=seed))


def options_argument(role: str, profile: Profile) -> dict[str, Options]:
    """Return the validated options as a keyword argument of the back end; empty if it takes
    none."""
    declared = find_backend(role, profile).options
    return {"options": options(role, profile)} if declared else {}
