"""Open-vocabulary perceiver (algorithm section 1): words to boxes to masks to parts.

A vocabulary names entities and their parts, Grounding DINO detects boxes for the names, SAM turns
boxes into masks, and a part belongs to the entity whose mask covers it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from stages.models.networks import torchvision_import
from stages.models.perceiver.entities import build_entities
from stages.models.perceiver.grounded import segment
from stages.models.perceiver.grounded.boxes import Detection, GroundingDino
from stages.models.perceiver.grounded.params import GroundedOptions, GroundedParams
from stages.models.perceiver.grounded.segment import FloatBox
from stages.models.perceiver.regions import Region, Thing
from stages.models.protocols import Image, Vocabulary, WantedEntity
from stages.models.weights import hub, remote
from stages.records.documents import Entity
from stages.records.masks import Mask
from stages.tools import TOOLS, Tool

MAX_MASKS = 100
"""Maximum number of entities, and of parts, per photo whose masks are computed; the best ones."""
MIN_INSIDE = 0.5
"""Minimum share of a mask inside its box; with less it is the mask of another thing."""


class GroundedPerceiver:
    """Finds entities and parts of any name."""

    def __init__(
        self,
        options: GroundedOptions,
        params: GroundedParams,
        vocabulary: Vocabulary,
    ) -> None:
        """Load detector and segmenter.

        Args:
            options: models and device.
            params: thresholds.
            vocabulary: names the entities and parts to look for.

        Raises:
            WeightsError: weights are not pinned, missing or damaged.
        """
        import torch

        precision = getattr(torch, options.dtype)
        self._vocabulary = vocabulary
        self._detector = GroundingDino.load(options.detector, options.device, precision)
        self._segmenter = segment.load(options.segmenter, options.device, precision)
        self._params = params

    @classmethod
    def revision(cls, options: GroundedOptions) -> str:
        """Return digests or commits of the weights."""
        return f"{hub.revision(options.detector)} {_revision(options.segmenter)}"

    @classmethod
    def weights(cls, options: GroundedOptions) -> list[str]:
        """Return the names of the weights in ``weights.toml``; folders need no fetching."""
        return [
            name for name in (options.detector, options.segmenter) if not hub.local_folder(name)
        ]

    def perceive(self, image: Image) -> list[Entity]:
        """Find entities, by score, each with its parts.

        Raises:
            RejectPhoto: there is no vocabulary for this photo.
        """
        p = self._params
        wanted = {entity.name: entity for entity in self._vocabulary.vocabulary(image)}
        kinds = {part.kind for entity in wanted.values() for part in entity.parts}
        phrases = list(dict.fromkeys([*wanted, *sorted(kinds)]))
        found = self._detector.detect(image, phrases, p.box, p.text)
        things_found = suppress([d for d in found if d.phrase in wanted], p.overlap)[:MAX_MASKS]
        parts_found = suppress([d for d in found if d.phrase in kinds], p.overlap)[:MAX_MASKS]
        masks = self._segmenter.segment(image, [d.box for d in (*things_found, *parts_found)])
        things = select_regions(things_found, masks[: len(things_found)])
        parts = select_regions(parts_found, masks[len(things_found) :])
        return build_entities(assign_parts(things, parts, wanted, p.covered), p.part_area)


def suppress(found: Sequence[Detection], overlap: float) -> list[Detection]:
    """Apply non-maximum suppression across phrases: two names for one region are one thing.

    Args:
        found: detections, best first.
        overlap: IoU above which the worse of two boxes is dropped.
    """
    if not found:
        return []
    import torch

    torchvision_import.prepare()
    from torchvision.ops import nms

    boxes, scores = torch.tensor([d.box for d in found]), torch.tensor([d.score for d in found])
    return [found[i] for i in sorted(nms(boxes, scores, overlap).tolist())]


def select_regions(found: Sequence[Detection], masks: Sequence[Mask]) -> list[Region]:
    """Combine detections and masks, without masks that are empty or mostly outside their box."""
    return [
        Region(detection.phrase, detection.phrase, detection.score, mask)
        for detection, mask in zip(found, masks, strict=True)
        if share_inside(mask, detection.box) >= MIN_INSIDE
    ]


def share_inside(mask: Mask, box: FloatBox) -> float:
    """Return the share of a mask inside a box, including border pixels; 0 for an empty mask."""
    x0, y0 = math.floor(box[0]), math.floor(box[1])
    x1, y1 = math.ceil(box[2]), math.ceil(box[3])
    return float(mask[y0:y1, x0:x1].sum()) / max(int(mask.sum()), 1)


def assign_parts(
    things: Sequence[Region],
    parts: Sequence[Region],
    wanted: Mapping[str, WantedEntity],
    covered: float,
) -> list[Thing]:
    """Assign each part to the entity that covers it; parts that none covers are left out.

    Of several entities, the one that covers most of the part gets it, then the smallest. An entity
    can only get parts that the vocabulary lists for its name.

    Args:
        things: entities, named as in `wanted`.
        parts: parts, named by their kind.
        wanted: the vocabulary by entity name.
        covered: minimum share of a part's pixels inside its entity's mask.
    """
    tools = {name: tools_by_kind(entity) for name, entity in wanted.items()}
    out = [Thing(thing.name, thing.score, thing.mask, []) for thing in things]
    for part in parts:
        owners = [
            (-share, int(thing.mask.sum()), n)
            for n, thing in enumerate(out)
            if part.kind in tools[thing.name]
            and (share := float(thing.mask[part.mask].mean())) >= covered
        ]
        if owners:
            owner = out[min(owners)[2]]
            owner.regions.append(replace(part, tools=tools[owner.name][part.kind]))
    return out


def tools_by_kind(entity: WantedEntity) -> dict[str, tuple[Tool, ...]]:
    """Return the tools of each kind of part: those that any part of that kind allows."""
    return {
        kind: tuple(t for t in TOOLS if any(t in p.tools for p in entity.parts if p.kind == kind))
        for kind in dict.fromkeys(part.kind for part in entity.parts)
    }


def _revision(segmenter: str) -> str:
    if segmenter in remote.catalogue():
        return remote.revision(segmenter)
    return hub.revision(segmenter)
