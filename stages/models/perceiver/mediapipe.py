"""The compact perceiver: people by MediaPipe, other things by saliency and a classifier."""

from __future__ import annotations

import numpy as np

from stages.models.perceiver.entities import entities
from stages.models.perceiver.people.find import People
from stages.models.perceiver.people.person import PersonThresholds
from stages.models.perceiver.things.classifier import ImageNetClassifier
from stages.models.perceiver.things.find import Things
from stages.models.perceiver.things.saliency import Saliency
from stages.models.weights import packages
from stages.records.documents import Entity
from stages.records.images import Image


class MediapipePerceiver:
    """People with named parts, and the salient things where people leave room for them."""

    def __init__(
        self,
        detection: float = 0.575,
        visibility: float = 0.6,
        hand: float = 0.6,
        sure: float = 0.7,
        floor: float = 0.5,
        parts: int = 5,
        people_share: float = 0.15,
        part_area: tuple[float, float] = (0.0005, 0.5),
    ) -> None:
        """Load the models.

        Args:
            detection: least score of a detected face.
            visibility: least certainty of a limb's landmarks.
            hand: least certainty of a hand and its side.
            sure: least probability for an ImageNet class's own name.
            floor: least probability for a coarser word.
            parts: parts to ask for in a thing.
            people_share: people covering this share of the photo or more leave things out.
            part_area: least and greatest share of the photo for a part.

        Raises:
            WeightsError: weights are missing or damaged.
        """
        classifier = ImageNetClassifier()
        self._people = People(
            classifier.probabilities, PersonThresholds(detection=detection), visibility, hand
        )
        self._things = Things(classifier, Saliency(), sure, floor, parts)
        self._share, self._area = people_share, part_area

    @classmethod
    def revision(cls, **_: object) -> str:
        """Digest of the weights."""
        return " ".join(map(packages.revision, cls.weights()))

    @classmethod
    def weights(cls, **_: object) -> list[str]:
        """Their names in ``weights.toml``."""
        return ["mediapipe", "efficientnet-lite0", "u2net"]

    def perceive(self, image: Image) -> list[Entity]:
        """People by the size of their faces, then the salient things."""
        found = self._people(image)
        taken = np.zeros(image.shape[:2], bool)
        for thing in found:
            taken |= thing.mask
        if float(taken.mean()) < self._share:
            found = found + self._things(image, taken if found else None)
        return entities(found, self._area)
