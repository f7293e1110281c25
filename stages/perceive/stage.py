"""The perceive stage: entities, parts and work windows of one photo (algorithm section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, model_validator

from stages.engine.codes import RejectCode
from stages.engine.section import Band, Mean, Section, Share, refusal
from stages.engine.stage import (
    GateParams,
    Output,
    RejectForNow,
    RejectPhoto,
    Sample,
    Stage,
    StageParams,
)
from stages.models import chat, registry
from stages.models.chat.request import AskCode
from stages.models.protocols import Captioner, Image, Perceiver
from stages.perceive.windows import TIGHT, choose
from stages.records.documents import TOKEN, Photo, Scene, Uncaptioned
from stages.records.images import read_png

_MEDIAPIPE = (
    "detection", "visibility", "hand", "sure", "floor", "parts", "people_share", "part_area",
)  # fmt: skip
"""Params of the back end ``mediapipe``."""


class PerceiveCode(RejectCode):
    """Why there is nothing to do in a photo."""

    NOTHING_FOUND = "nothing_found"
    NO_WINDOW = "no_window"


class PerceiveGate(GateParams):
    """Thresholds of the perceive gate."""

    max_reject_rate: Share = 0.8
    min_parts_mean: Mean = 2.0
    """Mean number of parts a photo."""
    min_score_mean: Share = 0.3
    """Mean of the photos' mean part scores."""
    min_served_mean: Share = 0.3
    """Mean share of a photo's parts that a window serves."""
    max_uncaptioned_mean: Share = 0.3
    """Share of photos whose captioner was asked and gave nothing usable."""


class GroundedParams(Section):
    """Section ``perceive.grounded``: what counts as found by the back end of that name. The
    defaults are the paper's, but for `overlap`, which is ours."""

    box: Share = 0.3
    """Least score of a box."""
    text: Share = 0.25
    """Least mean score of a phrase's tokens."""
    overlap: Share = 0.8
    """Of two boxes with a greater IoU only the better stays."""
    covered: Share = 0.9
    """Least share of a part that its entity's mask covers."""
    part_area: Band = (0.005, 0.5)
    """Least and greatest share of the photo for a part."""


class PerceiveParams(StageParams):
    """Section ``perceive``: what counts as found, and how windows are chosen. The first eight are
    those of the back end ``mediapipe``."""

    detection: Share = 0.575
    """Least score of a detected face."""
    visibility: Share = 0.6
    """Least certainty of a limb's landmarks."""
    hand: Share = 0.6
    """Least certainty of a hand and its side."""
    sure: Share = 0.7
    """Least probability for naming a thing by its ImageNet class."""
    floor: Share = 0.5
    """Least probability for a coarser word; below it a thing is an ``object``."""
    parts: int = Field(default=5, ge=2, le=9)
    """Parts to ask for in a thing."""
    people_share: Share = 0.15
    """People who cover this share of the photo or more leave things out."""
    part_area: Band = (0.0005, 0.5)
    """Least and greatest share of the photo for a part. The paper's band begins at 0.005; windows
    zoom in on smaller parts."""
    grounded: GroundedParams = GroundedParams()
    window: int = Field(default=384, ge=64, le=2048, multiple_of=TOKEN)
    """Side of a window in model pixels."""
    max_windows: int = Field(default=2, ge=1, le=8)
    min_part_tokens: float = Field(default=3.0, gt=0, le=128)
    """Least width of a part in a window, in tokens."""
    gate: PerceiveGate = PerceiveGate()  # pyright: ignore[reportIncompatibleVariableOverride]

    @model_validator(mode="after")
    def _parts_fit_windows(self) -> PerceiveParams:
        room = TIGHT * self.window / TOKEN
        if self.min_part_tokens > room:
            raise refusal("min_part_tokens", self.min_part_tokens, f"must not be above {room:g}, "
                          f"what a `window` of {self.window} holds")  # fmt: skip
        return self


class PerceiveStage(Stage):
    """Finds what can be broken in a photo, and where the model should work."""

    name: ClassVar[str] = "perceive"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"ingest": ("photo.png",)}
    params_model: ClassVar[type[StageParams]] = PerceiveParams
    codes: ClassVar[tuple[type[RejectCode], ...]] = (PerceiveCode, AskCode)
    code: ClassVar[tuple[str, ...]] = (
        "stages.models.perceiver.things.classifier",
        "stages.models.networks.efficientnet",
        "stages.models.perceiver.entities",
        "stages.models.perceiver.things.foreground",
        "stages.models.explainer.form",
        "stages.models.perceiver.grounded.perceiver",
        "stages.models.perceiver.grounded.boxes",
        "stages.models.perceiver.things.protrusions",
        "stages.models.networks.litert",
        "stages.models.perceiver.mediapipe",
        "stages.models.perceiver.things.names",
        "stages.models.perceiver.things.parts",
        "stages.models.perceiver.people",
        "stages.models.perceiver.regions",
        "stages.models.perceiver.things.saliency",
        "stages.models.perceiver.grounded.segment",
        "stages.models.perceiver.things.find",
        "stages.models.networks.torchvision_import",
        "stages.models.captioner.vlm",
        "stages.models.vocabulary.vlm",
        "stages.models.vocabulary.words",
        *chat.CODE,
    )
    params: PerceiveParams
    perceiver: Perceiver
    captioner: Captioner | None = None
    """None: the profile has none, and no photo gets a caption."""

    @property
    def roles(self) -> tuple[str, ...]:
        """The profile's roles that work here."""
        return tuple(r for r in ("perceiver", "captioner") if r in registry.roles(self.base))

    def revisions(self) -> dict[str, str]:
        """The perceiver's, and the captioner's where the profile has one."""
        return registry.revisions(self.base, *self.roles)

    def devices(self) -> frozenset[str]:
        """The perceiver's and the captioner's."""
        return registry.devices(self.base, *self.roles)

    def setup(self) -> None:
        """Load what the profile names, the perceiver with its own params."""
        p = self.params
        if registry.choice("perceiver", self.base).backend == "grounded":
            arguments = dict(p.grounded)
        else:
            arguments = {name: getattr(p, name) for name in _MEDIAPIPE}
        self.perceiver = registry.perceiver(self.base, **arguments)
        if "captioner" in self.roles:
            self.captioner = registry.captioner(self.base)

    def process(self, sample: Sample) -> Output:
        """Entities, parts and windows; the caption last, so that only photos that go on cost one.

        Raises:
            RejectPhoto: ``nothing_found`` - no entity with a part that a tool can break;
                ``no_window`` - no part can be wide enough in a window.
        """
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
        windows = choose(entities, size, p.window, p.max_windows, p.min_part_tokens)
        if not windows:
            raise RejectPhoto(
                PerceiveCode.NO_WINDOW,
                f"no part is {p.min_part_tokens:g} tokens wide in any window; "
                "lower perceive.min_part_tokens or give a larger photo",
                parts=[part.name for part in parts],
            )
        caption, uncaptioned = self._caption(image)
        scene = Scene(
            key=sample.key,
            entities=entities,
            windows=windows,
            detector=self.revisions()["perceiver"],
            caption=caption,
            uncaptioned=uncaptioned,
            prompts=registry.prompts(self.base, *self.roles),
        )
        return Output(scene)

    def _caption(self, image: Image) -> tuple[str, Uncaptioned | None]:
        """The photo's caption. Without a usable one the photo goes on under the empty prompt: what
        it is worth does not hang on a sentence.

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

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """One row a photo."""
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
    """Share of set pixels in run lengths that begin with zeros."""
    return sum(counts[1::2]) / max(sum(counts), 1)
