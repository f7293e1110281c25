"""What the profile's perceiver sees in a photo, kept in a folder by the stage's digest."""

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
"""Default folder of what was perceived; git ignores it."""


class Seen(Document):
    """The entities of one photo."""

    entities: list[Entity]


class Perception:
    """The perceiver that params.yaml names, with its params; loaded when a photo needs it."""

    def __init__(self, profile: str | None, folder: Path) -> None:
        """Read params.yaml.

        Args:
            profile: in the place of ``base.profile``; None takes that.
            folder: where results are kept.

        Raises:
            FactoryError: params.yaml or the profile's name is wrong.
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
        """Entities in `image`, which is the photo's pixels."""
        path = self._folder / f"{photo.sha256[:16]}.json"
        if path.is_file():
            return Seen.model_validate_json(path.read_bytes()).entities
        if not self._ready:
            self._stage.setup()
            self._ready = True
        seen = Seen(entities=self._stage.perceiver.perceive(image))
        write_atomically(path, seen.model_dump_json().encode())
        return seen.entities
