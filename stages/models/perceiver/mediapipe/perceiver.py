"""The compact perceiver: people by MediaPipe, other things by saliency and a classifier."""

from __future__ import annotations

import numpy as np

from stages.models.perceiver.entities import build_entities
from stages.models.perceiver.mediapipe.params import MediapipeParams
from stages.models.perceiver.people.find import People
from stages.models.perceiver.people.person import PersonThresholds
from stages.models.perceiver.things.classifier import ImageNetClassifier
from stages.models.perceiver.things.find import Things
from stages.models.perceiver.things.saliency import Saliency
from stages.models.weights import packages
from stages.records.documents import Entity
from stages.records.images import Image


class MediapipePerceiver:
    """Perceiver (protocols.py) of people with named parts and, in photos that people do not fill,
    of salient things."""

    def __init__(self, params: MediapipeParams) -> None:
        """Load the models.

        Raises:
            WeightsError: weights are missing or damaged.
        """
        classifier = ImageNetClassifier()
        self._people = People(
            classifier.probabilities,
            PersonThresholds(params.detection, body=params.body),
            params.visibility,
            params.hand,
        )
        self._things = Things(
            classifier,
            Saliency(),
            params.min_class_probability,
            params.min_group_probability,
            params.parts,
        )
        self._share, self._area = params.people_share, params.part_area

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights."""
        return " ".join(map(packages.revision, cls.weights()))

    @classmethod
    def weights(cls) -> list[str]:
        """Return the names of the weights in ``weights.toml``."""
        return ["mediapipe", "objectron", "efficientnet-lite0", "u2net"]

    def perceive(self, image: Image) -> list[Entity]:
        """Return people by the size of their faces, those without a face, then salient things."""
        found = self._people(image)
        taken = np.zeros(image.shape[:2], bool)
        for thing in found:
            taken |= thing.mask
        if float(taken.mean()) < self._share:
            found = found + self._things(image, taken if found else None)
        # of a person without a face, no limb may be certain
        found = [thing if thing.regions else self._things.divide(image, thing) for thing in found]
        return build_entities(found, self._area)
