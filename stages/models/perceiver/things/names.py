"""Names that are safe to say: ImageNet's classes, and coarser words where it is not sure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GROUPS: dict[str, tuple[int | range, ...]] = {
    "fish": (range(0, 7), range(389, 398)),
    "bird": (range(7, 25), range(80, 101), range(127, 147)),
    "frog": (range(30, 33),),
    "turtle": (range(33, 38),),
    "lizard": (range(38, 49),),
    "snake": (range(52, 69),),
    "spider": (range(72, 78),),
    "crab": (range(118, 122),),
    "dog": (range(151, 269),),
    "wolf": (range(269, 273),),
    "fox": (range(277, 281),),
    "cat": (range(281, 286),),
    "big cat": (range(286, 294),),
    "bear": (range(294, 298),),
    "beetle": (range(300, 308),),
    "butterfly": (range(321, 327),),
    "rabbit": (range(330, 333),),
    "monkey": (range(369, 385),),
    "ape": (range(365, 369),),
    "elephant": (101, 385, 386),
    "horse": (339,),
    "pig": (range(341, 344),),
    "sheep": (348, 349),
    "camel": (354,),
    "animal": (range(0, 398),),
    "ball": (430, 722, 768, 805, 852, 890),
    "boat": (472, 554, 576, 625, 780, 814, 871, 914),
    "bus": (654, 779, 874),
    "car": (436, 468, 511, 609, 627, 656, 661, 751, 817),
    "truck": (555, 569, 675, 717, 734, 864, 867),
    "aeroplane": (404, 895),
    "rocket": (657, 744, 812),
    "flower": (985, 986),
    "mushroom": (range(991, 998),),
    "food": (range(924, 964), range(965, 967)),
    "landscape": (970, range(972, 981)),
}
"""Word to ImageNet indices, in the order in which ties are settled; narrow before wide."""
UNSURE = "object"
_SPOKEN = {
    "flower", "landscape", "fish", "bird", "frog", "turtle", "lizard", "snake", "spider", "crab",
    "beetle", "butterfly", "cat", "horse", "pig", "sheep", "camel", "mushroom",
}  # fmt: skip
"""Groups whose single classes are too few to be right: every flower is a daisy to ImageNet, most
black cats are Siamese and every camel has one hump."""


def members(group: str) -> list[int]:
    """ImageNet indices of a group."""
    out: list[int] = []
    for entry in GROUPS[group]:
        out += [entry] if isinstance(entry, int) else list(entry)
    return out


def name(
    probabilities: NDArray[np.float64], classes: list[str], sure: float, floor: float
) -> tuple[str, float]:
    """The name to use and its probability.

    A single class from `sure` on; else the group with the most probability from `floor` on, a
    narrow one before a wide one; else ``object``.

    Args:
        probabilities: (1000,) of the ImageNet classes.
        classes: their names.
        sure: least probability for a single class's name.
        floor: least probability for a group's name.
    """
    best = int(probabilities.argmax())
    spoken = {i for group in _SPOKEN for i in members(group)}
    if probabilities[best] >= sure and best not in spoken:
        return classes[best], float(probabilities[best])
    totals = {group: float(probabilities[members(group)].sum()) for group in GROUPS}
    for group, total in sorted(totals.items(), key=lambda g: (g[0] == "animal", -g[1])):
        if total >= floor:
            return group, total
    return UNSURE, float(probabilities[best])


def animal(probabilities: NDArray[np.float64], floor: float) -> str:
    """The likeliest narrow group of an animal, for rules on its limbs; empty when it is none.

    ``animal`` when no narrow group has half of what all animals have together.
    """
    total = float(probabilities[members("animal")].sum())
    if total < floor:
        return ""
    kinds = [g for g in GROUPS if set(members(g)) <= set(members("animal")) and g != "animal"]
    shares = {group: float(probabilities[members(group)].sum()) for group in kinds}
    best = max(shares, key=lambda group: shares[group])
    return best if shares[best] >= total / 2 else "animal"
