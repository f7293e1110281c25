"""What is not a person: salient things with a name and parts."""

from __future__ import annotations

import numpy as np

from stages.models.perceiver.regions import Thing
from stages.models.perceiver.things.classifier import ImageNetClassifier
from stages.models.perceiver.things.foreground import foreground
from stages.models.perceiver.things.names import animal, name
from stages.models.perceiver.things.parts import frame, structure
from stages.models.perceiver.things.saliency import Saliency
from stages.records.images import Image
from stages.records.masks import Mask

MOST = 4
"""Things that are kept; the largest are."""
GREY = 127
"""What a thing is shown on, alone: the classifier's zero."""


class Things:
    """Finds the salient things of a photo."""

    def __init__(
        self,
        classifier: ImageNetClassifier,
        saliency: Saliency,
        sure: float = 0.7,
        floor: float = 0.5,
        parts: int = 5,
        area: tuple[float, float] = (0.01, 0.85),
    ) -> None:
        """Take loaded models.

        Args:
            classifier: names things; its features tell their parts apart.
            saliency: says what stands out.
            sure: least probability for an ImageNet class's own name.
            floor: least probability for a coarser word; below it the thing is an ``object``.
            parts: how many parts to ask for.
            area: least and greatest share of the photo that a thing may cover.
        """
        self._classifier, self._saliency = classifier, saliency
        self._parts, self._area = parts, area
        self._sure, self._floor = sure, floor

    def __call__(self, image: Image, exclude: Mask | None = None) -> list[Thing]:
        """At most `MOST` things, the largest first. `exclude` (H, W) is taken by people."""
        shape = (image.shape[0], image.shape[1])
        found = foreground(self._saliency(image), shape, exclude, self._area)[:MOST]
        return [self._thing(image, mask, score) for mask, score in found]

    def _thing(self, image: Image, mask: Mask, score: float) -> Thing:
        x0, y0, x1, y1 = frame(mask)
        crop, inside = image[y0:y1, x0:x1], mask[y0:y1, x0:x1]
        # each view errs in its own way: what they have in common is worth saying
        views = image, crop, np.where(inside[..., None], crop, np.uint8(GREY))
        p = np.mean([self._classifier.probabilities(view) for view in views], axis=0)
        word, _ = name(p, self._classifier.names, self._sure, self._floor)
        features = self._classifier.features(crop)
        kind = animal(p, self._floor)
        return Thing(word, score, mask, structure(image, mask, features, score, self._parts, kind))
