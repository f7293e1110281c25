"""Find salient things other than people, with a name and parts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from stages.models.perceiver.regions import Thing
from stages.models.perceiver.things.classifier import ImageNetClassifier
from stages.models.perceiver.things.foreground import find_foreground
from stages.models.perceiver.things.names import choose_name, classify_animal
from stages.models.perceiver.things.parts import crop_box, find_parts
from stages.models.perceiver.things.saliency import Saliency
from stages.records.images import Image
from stages.records.masks import Mask

MAX_THINGS = 4
"""Maximum number of things; the largest are kept."""
GREY = 127
"""Background on which a thing is classified alone: zero after the classifier's normalisation."""


class Things:
    """Finds the salient things of a photo."""

    def __init__(
        self,
        classifier: ImageNetClassifier,
        saliency: Saliency,
        min_class_probability: float,
        min_group_probability: float,
        parts: int,
        area: tuple[float, float] = (0.01, 0.85),
    ) -> None:
        """Create the finder with loaded models.

        Args:
            classifier: names things; its features separate their parts.
            saliency: computes saliency maps.
            min_class_probability: for naming a thing by its ImageNet class.
            min_group_probability: for naming it by a group of classes; below it the thing is an
                ``object``.
            parts: number of parts to look for.
            area: minimum and maximum share of the photo that a thing may cover.
        """
        self._classifier, self._saliency = classifier, saliency
        self._parts, self._area = parts, area
        self._min_class, self._min_group = min_class_probability, min_group_probability

    def __call__(self, image: Image, exclude: Mask | None = None) -> list[Thing]:
        """Find up to `MAX_THINGS` things, largest first; `exclude` (H, W) is the mask of people."""
        shape = (image.shape[0], image.shape[1])
        found = find_foreground(self._saliency(image), shape, exclude, self._area)[:MAX_THINGS]
        return [self._thing(image, mask, score) for mask, score in found]

    def _thing(self, image: Image, mask: Mask, score: float) -> Thing:
        x0, y0, x1, y1 = crop_box(mask)
        crop, inside = image[y0:y1, x0:x1], mask[y0:y1, x0:x1]
        # the views make different errors, so their mean is more reliable than each of them
        views = image, crop, np.where(inside[..., None], crop, np.uint8(GREY))
        p = np.mean([self._classifier.probabilities(view) for view in views], axis=0)
        word, _ = choose_name(p, self._classifier.names, self._min_class, self._min_group)
        return self.divide(image, Thing(word, score, mask), classify_animal(p, self._min_group))

    def divide(self, image: Image, thing: Thing, group: str = "") -> Thing:
        """Return the thing with limbs and parts by position; `group` is the kind of animal."""
        x0, y0, x1, y1 = crop_box(thing.mask)
        features = self._classifier.features(image[y0:y1, x0:x1])
        regions = find_parts(image, thing.mask, features, thing.score, self._parts, group)
        return replace(thing, regions=regions)
