"""Collect the provenance of a data set: for each stage its code, params, models and prompts.

Everything here follows from the checkout's files, so the same code and params give the same bytes.
No git revision is in it: a commit that does not touch a stage's code must not change its pairs
(docs/decisions/0013-code-digests-in-records-no-git-revision.md).
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stages import STAGES
from stages.engine.files import canonical_json, sha256
from stages.engine.provenance import code_digest, code_files, result_params
from stages.engine.stage import BaseParams, Stage
from stages.models import registry
from stages.models.registry import PromptText, UsedModel
from stages.models.stage import ModelStage
from stages.package.pair import ModelRecord, StageRecord
from stages.records.documents import SCHEMA_VERSION, Document

PROVENANCE = "provenance.json"


class StageProvenance(Document):
    """What the results of one stage depend on, apart from photos and numeric libraries."""

    stage: str
    code_sha256: str
    """The code part of the stage's store keys: digest of all its source files and their order."""
    params: dict[str, Any]
    """The params that change results, without those of back ends that are not used."""
    layout: dict[str, Any]
    """The params that decide what of the results gets into the stage's folder, and how it is
    split into files."""
    files: dict[str, str]
    """Source file to the id of its content in git (``git hash-object``)."""
    models: tuple[UsedModel, ...] = ()
    prompts: tuple[PromptText, ...] = ()
    """Templates of the questions that the stage may ask."""


class ProvenanceFile(Document):
    """The content of ``provenance.json``."""

    schema_version: int = SCHEMA_VERSION
    profile: str
    seed: str
    """Decimal string."""
    photos_per_shard: int
    """Lines of the source list in which quotas choose, `BaseParams.photos_per_shard`."""
    params_sha256: str
    code_sha256: str
    stages: tuple[StageProvenance, ...]


@dataclass(frozen=True)
class Provenance:
    """The provenance of every pair of a data set."""

    profile: str
    seed: int
    stages: tuple[StageProvenance, ...]
    back_ends: tuple[tuple[str, str], ...]
    """Role and back end of the profile; a flow model is named by its folder or its name on the
    hub."""
    params_sha256: str
    """Digest of the canonical JSON of all stages' result params, without gate thresholds."""
    photos_per_shard: int = BaseParams().photos_per_shard
    """Lines of the source list in which quotas choose, `BaseParams.photos_per_shard`."""

    @property
    def code_sha256(self) -> str:
        """Digest of the code of all stages."""
        return sha256(canonical_json({stage.stage: stage.code_sha256 for stage in self.stages}))

    def stage_records(self) -> list[StageRecord]:
        """Return the entries of a record's ``stages``."""
        return [
            StageRecord(
                stage=stage.stage,
                code_sha256=stage.code_sha256,
                params=canonical_json(stage.params).decode(),
            )
            for stage in self.stages
        ]

    def model_records(self) -> list[ModelRecord]:
        """Return the entries of a record's ``models``."""
        return [
            ModelRecord(stage=stage.stage, **asdict(model))
            for stage in self.stages
            for model in stage.models
        ]

    def as_file(self) -> ProvenanceFile:
        """Return the content of ``provenance.json``."""
        return ProvenanceFile(
            profile=self.profile,
            seed=str(self.seed),
            photos_per_shard=self.photos_per_shard,
            params_sha256=self.params_sha256,
            code_sha256=self.code_sha256,
            stages=self.stages,
        )


def collect_provenance(root: Path) -> Provenance:
    """Collect the provenance from params.yaml and the sources of the checkout `root`."""
    # Imported here because the catalogue imports every stage, including this one.
    from stages.catalogue import build_stage, load_params

    params = load_params(root)
    stages = [build_stage(name, params) for name in STAGES]
    base = params["base"]
    assert isinstance(base, BaseParams)  # noqa: S101
    return Provenance(
        profile=base.profile,
        seed=base.seed,
        stages=tuple(map(describe_stage, stages)),
        back_ends=tuple(
            (role, str(chosen.options.get("name", chosen.backend)))
            for role, chosen in sorted(registry.roles(base).items())
        ),
        params_sha256=sha256(canonical_json({s.name: result_params(s) for s in stages})),
        photos_per_shard=base.photos_per_shard,
    )


def describe_stage(stage: Stage) -> StageProvenance:
    """Describe a stage as its params and the present code configure it."""
    roles = stage.chosen_roles if isinstance(stage, ModelStage) else ()
    return StageProvenance(
        stage=stage.name,
        code_sha256=code_digest(stage),
        params=stage.result_params(),
        layout=stage.params.model_dump(mode="json", include=set(stage.params.layout_only)),
        files={name: git_id(path.read_bytes()) for name, path in code_files(stage).items()},
        models=tuple(registry.used_models(stage.base, *roles)),
        prompts=tuple(registry.prompt_texts(stage.base, *roles)),
    )


def git_id(content: bytes) -> str:
    """Return the id under which git keeps a file's content: ``git log --find-object=<id>`` names
    the commits that brought it."""
    data = b"blob %d\0%b" % (len(content), content)
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()
