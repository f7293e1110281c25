"""Choose reliable names: an ImageNet class, or a coarser word if the class is uncertain."""

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
"""Word to ImageNet indices, in the order in which ties are resolved: narrow before wide."""
UNSURE = "object"
_GROUP_ONLY = {
    "flower", "landscape", "fish", "bird", "frog", "turtle", "lizard", "snake", "spider", "crab",
    "beetle", "butterfly", "cat", "horse", "pig", "sheep", "camel", "mushroom",
}  # fmt: skip
"""Groups of which ImageNet has too few classes to use their names: it calls every flower a daisy,
most black cats Siamese, and has only camels with one hump."""


def group_members(group: str) -> list[int]:
    """Return the ImageNet indices of a group."""
    out: list[int] = []
    for entry in GROUPS[group]:
        out += [entry] if isinstance(entry, int) else list(entry)
    return out


def choose_name(
    probabilities: NDArray[np.float64], classes: list[str], min_class: float, min_group: float
) -> tuple[str, float]:
    """Choose a name and return it with its probability.

    The name is that of a class with a probability of at least `min_class`; else that of the most
    probable group with at least `min_group`, a narrow group before a wide one; else ``object``.

    Args:
        probabilities: (1000,) probabilities of the ImageNet classes.
        classes: names of the classes.
        min_class: minimum probability for the name of a class.
        min_group: minimum probability for the name of a group.
    """
    best = int(probabilities.argmax())
    group_only = {i for group in _GROUP_ONLY for i in group_members(group)}
    if probabilities[best] >= min_class and best not in group_only:
        return classes[best], float(probabilities[best])
    totals = {group: float(probabilities[group_members(group)].sum()) for group in GROUPS}
    for group, total in sorted(totals.items(), key=lambda g: (g[0] == "animal", -g[1])):
        if total >= min_group:
            return group, total
    return UNSURE, float(probabilities[best])


def classify_animal(probabilities: NDArray[np.float64], min_group: float) -> str:
    """Return the most probable narrow group of an animal, for rules on its limbs.

    Returns an empty string if the thing is no animal, and ``animal`` if no narrow group has half of
    the probability of all animals.
    """
    total = float(probabilities[group_members("animal")].sum())
    if total < min_group:
        return ""
    animals = set(group_members("animal"))
    kinds = [g for g in GROUPS if set(group_members(g)) <= animals and g != "animal"]
    shares = {group: float(probabilities[group_members(group)].sum()) for group in kinds}
    best = max(shares, key=lambda group: shares[group])
    return best if shares[best] >= total / 2 else "animal"
