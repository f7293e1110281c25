"""Classify heads by ImageNet probabilities: animal or human, glasses, mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from stages.models.perceiver.people.geometry import Roi
from stages.models.perceiver.people.person import Person
from stages.records.images import Image
from stages.records.masks import bounding_box

Probabilities = Callable[[Image], NDArray[np.float64]]
"""Maps an (H, W, 3) image to (1000,) ImageNet probabilities."""

GREY = np.uint8(127)
"""Background of a body: zero after the classifier's normalisation."""
_ANIMALS = slice(0, 398)
_GLASSES = [836, 837]
_MASKS = [570, 643, 676, 691, 796]
"""Gas mask, mask, muzzle, oxygen mask, ski mask."""


@dataclass(frozen=True)
class HeadAttributes:
    """Probabilities, 0..1, that a head is an animal's, wears glasses, or wears a mask."""

    animal: float
    glasses: float
    mask: float


def classify_head(person: Person, image: Image, probabilities: Probabilities) -> HeadAttributes:
    """Classify the square around the face, or a whole body without a face on grey.

    Of small people's heads the classifier sees too little: it calls every other one an animal.
    """
    if person.face is not None:
        x, y = (float(v) for v in person.face.centre)
        crop = Roi(x, y, 2.4 * person.face.size).cut(image, 224)
        head = np.round(crop * 255).astype(np.uint8)
    else:
        x0, y0, x1, y1 = bounding_box(person.mask)
        head = np.where(person.mask[..., None], image, GREY)[y0:y1, x0:x1]
    p = probabilities(head)
    return HeadAttributes(
        animal=float(p[_ANIMALS].sum()),
        glasses=float(p[_GLASSES].sum()),
        mask=float(p[_MASKS].sum()),
    )
