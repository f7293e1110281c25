"""Collect the data set's provenance: models with revisions, and a digest of all result params."""

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
    """A model that was used to make the pairs."""

    stage: str
    name: str
    revision: str


@dataclass(frozen=True)
class Provenance:
    """The provenance of every pair of a data set."""

    profile: str
    seed: int
    models: tuple[Model, ...]
    back_ends: tuple[tuple[str, str], ...]
    """Role and back end of the profile; a flow model is named by its folder or its name on the
    hub."""
    params_sha256: str
    """Digest of the canonical JSON of all stages' result params, without gate thresholds."""


def collect_provenance(root: Path) -> Provenance:
    """Collect the provenance from params.yaml of the checkout `root`."""
    # Imported here because the catalogue imports every stage, including this one.
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
