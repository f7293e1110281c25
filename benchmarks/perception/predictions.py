"""Run the profile's perceiver on photos and cache the results under the stage's digest."""

from __future__ import annotations

from pathlib import Path

from benchmarks.perception.labels import LabelledPhoto
from stages.catalogue import build_stage, parse_params, read_params
from stages.engine.files import write_atomically
from stages.engine.provenance import stage_digest
from stages.engine.workspace import Workspace
from stages.perceive.stage import PerceiveStage
from stages.records.documents import Document, Entity
from stages.records.images import Image

FOLDER = Path("data/.quality/perception")
"""Default cache folder; git ignores it."""


class Perceived(Document):
    """The entities of one photo."""

    entities: list[Entity]


class Perception:
    """The perceiver that params.yaml names, with its params; loaded on the first use."""

    def __init__(self, profile: str | None, folder: Path) -> None:
        """Read params.yaml.

        Args:
            profile: profile to use; None for ``base.profile``.
            folder: cache folder.

        Raises:
            FactoryError: params.yaml or the profile's name is invalid.
        """
        values = read_params(Workspace.find().root)
        if profile is not None:
            values["base"] = {**values["base"], "profile": profile}
        stage = build_stage("perceive", parse_params(values))
        if not isinstance(stage, PerceiveStage):
            raise TypeError(f"stage perceive is a {type(stage).__name__}")
        self._stage, self._ready = stage, False
        self.profile = stage.base.profile
        self.revision = stage.revisions()["perceiver"]
        self._folder = folder / stage_digest(stage)[:12]

    def __call__(self, photo: LabelledPhoto, image: Image) -> list[Entity]:
        """Return the entities in `image`, the photo's pixels."""
        path = self._folder / f"{photo.sha256[:16]}.json"
        if path.is_file():
            return Perceived.model_validate_json(path.read_bytes()).entities
        if not self._ready:
            self._stage.setup()
            self._ready = True
        perceived = Perceived(entities=self._stage.perceiver.perceive(image))
        write_atomically(path, perceived.model_dump_json().encode())
        return perceived.entities
