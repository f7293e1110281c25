"""What made the data set: models with their revisions, and a digest of all result params."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages import STAGES
from stages.engine.files import canonical_json, sha256
from stages.engine.provenance import result_params
from stages.engine.stage import BaseParams
from stages.models import registry


@dataclass(frozen=True)
class Model:
    """One model that had a share in the pairs."""

    stage: str
    name: str
    revision: str


@dataclass(frozen=True)
class Provenance:
    """The same for every pair of a data set."""

    profile: str
    seed: int
    models: tuple[Model, ...]
    back_ends: tuple[tuple[str, str], ...]
    """Role and what the profile takes for it; a flow model goes by its folder's or hub name."""
    params_sha256: str
    """Of the canonical JSON of every stage's result params; gate thresholds are not in it."""


def collect(root: Path) -> Provenance:
    """As params.yaml of the checkout `root` configures the stages."""
    # The catalogue imports every stage, this one included: not at import time.
    from stages.catalogue import build_stage, load_params

    params = load_params(root)
    stages = [build_stage(name, params) for name in STAGES]
    base = params["base"]
    assert isinstance(base, BaseParams)  # noqa: S101
    return Provenance(
        profile=base.profile,
        seed=base.seed,
        models=tuple(
            Model(stage.name, name, revision)
            for stage in stages
            for name, revision in sorted(stage.revisions().items())
        ),
        back_ends=tuple(
            (role, str(chosen.options.get("name", chosen.backend)))
            for role, chosen in sorted(registry.roles(base).items())
        ),
        params_sha256=sha256(canonical_json({s.name: result_params(s) for s in stages})),
    )
