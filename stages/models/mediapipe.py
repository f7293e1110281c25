"""The compact perceiver: people by MediaPipe's models, other things by an ImageNet classifier."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.engine.masks import bounding_box, encode
from stages.engine.record import Entity, Part, Tool
from stages.models import fetch
from stages.models.classifier import ImageNetClassifier
from stages.models.people.people import People
from stages.models.people.person import Limits
from stages.models.regions import Region, Thing, touching
from stages.models.things import Things

Image = NDArray[np.uint8]

TOOLS_OF: dict[str, tuple[Tool, ...]] = {
    "face": ("distort",),
    "torso": ("distort",),
    "part": ("distort",),
    "eye": ("add", "remove", "distort"),
    "nose": ("add", "remove", "distort"),
    "mouth": ("add", "remove", "distort"),
}
"""By a part's kind; anything else sticks out of the body and can be added or removed."""
_PERIPHERAL: tuple[Tool, ...] = ("add", "remove")


class MediapipePerceiver:
    """People with named parts, and one main thing where people leave room for it."""

    def __init__(
        self,
        detection: float = 0.575,
        visibility: float = 0.6,
        hand: float = 0.7,
        sure: float = 0.7,
        floor: float = 0.5,
        parts: int = 5,
        people_share: float = 0.15,
        part_area: tuple[float, float] = (0.0005, 0.5),
    ) -> None:
        """Load the models.

        Args:
            detection: least score of a detected face.
            visibility: least visibility of a limb's landmarks.
            hand: least score of a hand.
            sure: least probability for an ImageNet class's own name.
            floor: least probability for a coarser word.
            parts: superpixels in a thing.
            people_share: people covering this share of the photo or more leave things out.
            part_area: least and greatest share of the photo for a part.

        Raises:
            WeightsError: weights are missing or damaged.
        """
        classifier = ImageNetClassifier()
        self._people = People(
            classifier.probabilities, Limits(detection=detection), visibility, hand
        )
        self._things = Things(classifier, sure, floor, parts)
        self._share, self._area = people_share, part_area

    @classmethod
    def revision(cls, **_: object) -> str:
        """Digest of the weights."""
        return f"{fetch.revision('mediapipe')} {fetch.revision('efficientnet-lite0')}"

    def perceive(self, image: Image) -> list[Entity]:
        """People by the size of their faces, then the main thing."""
        found = self._people(image)
        taken = np.zeros(image.shape[:2], bool)
        for thing in found:
            taken |= thing.mask
        if float(taken.mean()) < self._share:
            found = found + self._things(image, taken if found else None)
        return entities(found, self._area)


def entities(found: list[Thing], area: tuple[float, float]) -> list[Entity]:
    """Things as records: parts outside the `area` band (shares of the photo) are left out."""
    kept = []
    for thing in found:
        regions = [r for r in thing.regions if area[0] <= float(r.mask.mean()) <= area[1]]
        kept.append((thing, regions))
    return [
        Entity(
            id=f"e{n}",
            name=thing.name,
            score=round(thing.score, 4),
            box=bounding_box(thing.mask),
            mask=encode(thing.mask),
            parts=[
                _part(f"e{n}.p{i}", region, _fusible(region, n, kept))
                for i, region in enumerate(regions)
            ],
        )
        for n, (thing, regions) in enumerate(kept)
    ]


def _part(name: str, region: Region, fusible: bool) -> Part:
    tools: list[Tool] = list(TOOLS_OF.get(region.kind, _PERIPHERAL))
    return Part(
        id=name,
        name=region.name,
        kind=region.kind,
        positional=region.positional,
        score=round(min(max(region.score, 0.0), 1.0), 4),
        box=bounding_box(region.mask),
        mask=encode(region.mask),
        tools=[*tools, "fuse"] if fusible else tools,
    )


def _fusible(region: Region, entity: int, found: list[tuple[Thing, list[Region]]]) -> bool:
    """Whether a part touches another entity or another part of its own."""
    gap = max(2, max(region.mask.shape) // 128)
    for n, (thing, regions) in enumerate(found):
        if n != entity and touching(region.mask, thing.mask, gap):
            return True
        if n == entity and any(
            other is not region and touching(region.mask, other.mask, gap) for other in regions
        ):
            return True
    return False
