"""What is not a person: one main thing with a name and parts known by their place only."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment
from skimage.segmentation import slic

from stages.engine.images import Image
from stages.engine.masks import Mask, bounding_box
from stages.models.classifier import ImageNetClassifier
from stages.models.foreground import foreground
from stages.models.names import name
from stages.models.regions import Region, Thing, largest_component

KIND = "part"
PLACES = {
    "upper left part": (1, 1), "upper part": (3, 1), "upper right part": (5, 1),
    "left part": (1, 3), "middle part": (3, 3), "right part": (5, 3),
    "lower left part": (1, 5), "lower part": (3, 5), "lower right part": (5, 5),
}  # fmt: skip
"""Name to x and y in sixths of the entity's box, as the viewer sees it."""


class Things:
    """Finds the main thing of a photo."""

    def __init__(
        self,
        classifier: ImageNetClassifier,
        sure: float = 0.7,
        floor: float = 0.5,
        parts: int = 5,
        area: tuple[float, float] = (0.02, 0.85),
    ) -> None:
        """Take a loaded classifier.

        Args:
            classifier: names the thing and seeds its outline.
            sure: least probability for an ImageNet class's own name.
            floor: least probability for a coarser word; below it the thing is an ``object``.
            parts: how many superpixels to ask for.
            area: least and greatest share of the photo that the thing may cover.
        """
        self._classifier, self._parts, self._area = classifier, parts, area
        self._sure, self._floor = sure, floor

    def __call__(self, image: Image, exclude: Mask | None = None) -> list[Thing]:
        """One thing or none. `exclude` (H, W) is taken by people."""
        mask, score = foreground(image, self._classifier, exclude)
        if not self._area[0] <= float(mask.mean()) <= self._area[1]:
            return []
        x0, y0, x1, y1 = bounding_box(mask)
        whole = self._classifier.probabilities(image)
        crop = self._classifier.probabilities(image[y0:y1, x0:x1])
        # the photo and the thing alone: the surer of the two views knows it
        names = [name(p, self._classifier.names, self._sure, self._floor) for p in (whole, crop)]
        word, _ = max(names, key=lambda n: (n[0] != "object", n[1]))
        return [Thing(word, score, mask, positional(image, mask, score, self._parts))]


def positional(image: Image, mask: Mask, score: float, count: int) -> list[Region]:
    """About `count` compact superpixels (maskSLIC) of a thing, named by their place in its box."""
    labels = slic(image, n_segments=count, compactness=40, sigma=1, mask=mask, start_label=1)
    pieces = [largest_component(labels == i) for i in range(1, int(labels.max()) + 1)]
    pieces = [p for p in pieces if p.sum() >= 0.04 * mask.sum()][: len(PLACES)]
    if len(pieces) < 2:
        return []
    names = places(pieces, bounding_box(mask))
    named = dict(zip(names, pieces, strict=True))
    return [Region(n, KIND, score, named[n], positional=True) for n in PLACES if n in named]


def places(pieces: list[Mask], box: tuple[int, int, int, int]) -> list[str]:
    """A different name for each of at most nine pieces, by where their middles lie in `box`."""
    x0, y0, x1, y1 = box
    middles = []
    for piece in pieces:
        ys, xs = np.nonzero(piece)
        middles.append(((xs.mean() - x0) / (x1 - x0) * 6, (ys.mean() - y0) / (y1 - y0) * 6))
    spots = np.array(list(PLACES.values()), np.float64)
    cost = ((np.array(middles)[:, None] - spots[None]) ** 2).sum(-1)
    _, columns = linear_sum_assignment(cost)
    return [list(PLACES)[int(c)] for c in columns]
