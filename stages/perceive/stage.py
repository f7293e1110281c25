"""The perceive stage: entities, parts and work windows of one photo (algorithm section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from stages import tools
from stages.engine.codes import RejectCode
from stages.engine.stage import (
    Output,
    RejectForNow,
    RejectPhoto,
    Sample,
    StageParams,
)
from stages.models import registry
from stages.models.chat.codes import AskCode
from stages.models.chat.usage import collect_calls
from stages.models.protocols import Captioner, Image, Perceiver
from stages.models.stage import ModelStage
from stages.perceive.params import ROLES, PerceiveParams
from stages.perceive.windows import choose_windows
from stages.records.documents import TOKEN, Photo, Scene, Uncaptioned
from stages.records.images import read_png


class PerceiveCode(RejectCode):
    """Reasons to reject a photo."""

    NOTHING_FOUND = "nothing_found"
    NO_WINDOW = "no_window"


class PerceiveStage(ModelStage):
    """Finds entities and parts that can be broken, and chooses the windows to work in."""

    name: ClassVar[str] = "perceive"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"ingest": ("photo.png",)}
    params_model: ClassVar[type[StageParams]] = PerceiveParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (PerceiveCode, AskCode)
    roles: ClassVar[tuple[str, ...]] = ROLES
    params: PerceiveParams
    perceiver: Perceiver
    captioner: Captioner | None = None
    """None if the profile has no captioner; photos then get no caption."""

    def plugins(self) -> tuple[str, ...]:
        """Return the modules of perceiver and captioner, and those that say which parts the tools
        can break."""
        return (*super().plugins(), *tools.modules("parts"))

    def setup(self) -> None:
        """Load the profile's perceiver and captioner."""
        self.perceiver = registry.perceiver(self.base, self.params)
        if "captioner" in self.chosen_roles:
            self.captioner = registry.captioner(self.base, self.params)

    def process(self, sample: Sample) -> Output:
        """Find entities, parts and windows, then ask for the caption, so that rejected photos cost
        no request.

        Raises:
            RejectPhoto: ``nothing_found`` - no entity has a part that a tool can break;
                ``no_window`` - no part is wide enough in any window.
        """
        with collect_calls() as calls:
            scene = self._perceive(sample)
        return Output(scene.model_copy(update={"calls": calls}))

    def _perceive(self, sample: Sample) -> Scene:
        photo = sample.document("ingest", Photo)
        image = read_png(sample.members["ingest/photo.png"])
        entities = self.perceiver.perceive(image)
        parts = [part for entity in entities for part in entity.parts]
        if not parts:
            raise RejectPhoto(
                PerceiveCode.NOTHING_FOUND,
                "no person and no thing with parts was found",
                entities=[entity.name for entity in entities],
            )
        p = self.params
        size = (photo.width, photo.height)
        windows = choose_windows(entities, size, p.window, p.max_windows, p.min_part_tokens)
        if not windows:
            raise RejectPhoto(
                PerceiveCode.NO_WINDOW,
                f"no part is {p.min_part_tokens:g} tokens wide in any window; "
                "lower perceive.min_part_tokens or give a larger photo",
                parts=[part.name for part in parts],
            )
        caption, uncaptioned = self._caption(image)
        return Scene(
            key=sample.key,
            entities=entities,
            windows=windows,
            detector=self.revisions()["perceiver"],
            caption=caption,
            uncaptioned=uncaptioned,
            prompts=registry.prompts(self.base, *self.chosen_roles),
        )

    def _caption(self, image: Image) -> tuple[str, Uncaptioned | None]:
        """Caption the photo. Without a usable caption the photo is not rejected; it gets the empty
        caption, and the reason is recorded.

        Raises:
            RejectForNow: the model could not be reached; the next build asks again.
        """
        if self.captioner is None:
            return "", None
        try:
            return self.captioner.caption(image), None
        except RejectForNow:
            raise
        except RejectPhoto as out:
            answers = out.evidence.get("answers", [])
            return "", Uncaptioned(code=out.code, message=out.message, answers=answers)

    def columns(self) -> Mapping[str, type]:
        """Return the columns of the manifest."""
        return {
            "key": str,
            **dict.fromkeys(("entities", "people"), int),
            "names": str,
            **dict.fromkeys(("parts", "positional_parts", "unnamed"), int),
            **dict.fromkeys(("served_share", "mean_score", "min_score", "max_score"), float),
            "largest_part_share": float,
            **dict.fromkeys(("windows", "size_remainder"), int),
            "max_zoom": float,
            **dict.fromkeys(("detector", "caption"), str),
            "uncaptioned": int,
        }

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """Return one row per photo."""
        scene = Scene.model_validate(document)
        parts = [part for entity in scene.entities for part in entity.parts]
        scores = [part.score for part in parts]
        served = {part for window in scene.windows for part in window.parts}
        return [
            {
                "key": scene.key,
                "entities": len(scene.entities),
                "people": sum(entity.name == "person" for entity in scene.entities),
                "names": ", ".join(entity.name for entity in scene.entities),
                "parts": len(parts),
                "positional_parts": sum(part.positional for part in parts),
                "unnamed": sum(not p.name.strip() for p in (*scene.entities, *parts)),
                "served_share": len(served) / len(parts),
                "mean_score": float(np.mean(scores)),
                "min_score": min(scores),
                "max_score": max(scores),
                "largest_part_share": max(_share(part.mask.counts) for part in parts),
                "windows": len(scene.windows),
                "size_remainder": max(side % TOKEN for w in scene.windows for side in w.size),
                "max_zoom": max(w.size[0] / (w.box[2] - w.box[0]) for w in scene.windows),
                "detector": scene.detector,
                "caption": scene.caption,
                "uncaptioned": int(scene.uncaptioned is not None),
            }
        ]


def _share(counts: list[int]) -> float:
    """Return the share of set pixels in run lengths that begin with zeros."""
    return sum(counts[1::2]) / max(sum(counts), 1)
