"""People as things with named parts."""

from __future__ import annotations

import cv2
import numpy as np

from stages.models.perceiver.people.face import CHIN, FEATURES, Face
from stages.models.perceiver.people.hands import HandFinder
from stages.models.perceiver.people.head import ears, eyebrows, neck
from stages.models.perceiver.people.limbs import limbs, torso
from stages.models.perceiver.people.looks import Looks, Probabilities, looks
from stages.models.perceiver.people.person import Limits, PeopleFinder, Person
from stages.models.perceiver.regions import Region, Thing
from stages.records.images import Image
from stages.records.masks import Mask

ANIMAL, GLASSES, MASK = 0.5, 0.3, 0.2
"""From these probabilities on a head is an animal's, or wears glasses or a mask."""

_BUST = (2.2, 2.5)
"""How far an upper body reaches to either side of the chin and below it, in face sizes: farther
away the mask is often somebody's table."""


class People:
    """All people of a photo with face, eyes, nose, mouth, arms, hands, fingers, legs, feet, torso.

    Left and right are the person's own sides.
    """

    def __init__(
        self,
        classify: Probabilities,
        limits: Limits | None = None,
        visibility: float = 0.6,
        hand: float = 0.6,
    ) -> None:
        """Load the models.

        Args:
            classify: picture to ImageNet probabilities; tells animals from people.
            limits: what a person must reach.
            visibility: least visibility of a limb's landmarks.
            hand: least certainty of a hand and its side.

        Raises:
            WeightsError: weights are missing or damaged.
        """
        self._find = PeopleFinder(limits)
        self._hands = HandFinder(self._find.faces, hand)
        self._classify, self._visibility = classify, visibility

    def __call__(self, image: Image) -> list[Thing]:
        """People, biggest face first; the masks of two people do not overlap."""
        seen = [(person, looks(person, image, self._classify)) for person in self._find(image)]
        return [
            self._describe(image, p, look)
            for p, look in seen
            if look.animal < ANIMAL or _unmistakable(p)
        ]

    def _describe(self, image: Image, person: Person, look: Looks) -> Thing:
        shape = (image.shape[0], image.shape[1])
        regions = list[Region]()
        hands = self._hands(image, person.mask, person.pose)
        hand_regions = self._hands.regions(hands, shape)
        reach = np.zeros(shape, bool)
        for region in hand_regions:
            reach |= region.mask
        body = person.mask | _attached(reach, person.mask)
        if person.face is not None:
            regions += face_regions(person.face, body, reach, look)
            regions += _around(person.face, image, body & ~reach, look)
        head = person.face.oval(shape) if person.face is not None else np.zeros(shape, bool)
        arms = list[Region]()
        if person.pose is not None:
            arms = limbs(person.pose, body, self._visibility, reach | head)
            regions += arms
        front = reach | head
        for region in arms:
            front |= region.mask
        chest = _chest(person, body & ~front, self._visibility)
        regions += hand_regions + ([chest] if chest else [])
        return Thing("person", person.score, body, regions)


def _unmistakable(person: Person) -> bool:
    """A human face beside which an animal may sit: no animal's face holds so still."""
    return person.face is not None and person.score >= 0.9 and person.face.spread <= 0.03


def face_regions(face: Face, body: Mask, covered: Mask, look: Looks) -> list[Region]:
    """The face and what of its features is turned to the camera and not behind a hand.

    Args:
        face: the mesh.
        body: (H, W) mask of the person.
        covered: (H, W) pixels of the person's hands.
        look: glasses hide the eyes, a mask the nose and the mouth.
    """
    shape = (body.shape[0], body.shape[1])
    oval = face.oval(shape) & body
    regions = [Region("face", "face", face.score, oval)]
    for name in FEATURES:
        mask = face.feature(name, shape) & body
        hidden = float((mask & covered).sum()) / max(int(mask.sum()), 1)
        score = face.score * face.facing(name)
        kind = name.removeprefix("left ").removeprefix("right ")
        worn = look.glasses >= GLASSES if kind == "eye" else look.mask >= MASK
        if score >= 0.3 and hidden < 0.2 and not worn:
            regions.append(Region(name, kind, score, mask))
    return regions


def _around(face: Face, image: Image, free: Mask, look: Looks) -> list[Region]:
    """Eyebrows, ears and neck."""
    out = eyebrows(face, image, free) if look.glasses < GLASSES else []
    if look.mask < MASK:
        below = neck(face, image, free)
        out += [*ears(face, image, free), *([below] if below else [])]
    return out


def _chest(person: Person, free: Mask, visibility: float) -> Region | None:
    """The torso when shoulders and hips are seen, else what is below the chin: the upper body."""
    if person.pose is not None:
        whole = torso(person.pose, free, visibility)
        if whole is not None:
            return whole
    if person.face is None:
        return None
    x, y = (float(v) for v in person.face.points[CHIN])
    size = person.face.size
    rows = slice(max(round(y + 0.35 * size), 0), max(round(y + _BUST[1] * size), 0))
    columns = slice(max(round(x - _BUST[0] * size), 0), max(round(x + _BUST[0] * size), 0))
    below = np.zeros_like(free)
    below[rows, columns] = free[rows, columns]
    return Region("upper body", "torso", 0.65 * person.face.score, below)


def _attached(hands: Mask, body: Mask) -> Mask:
    """Pixels of hands that the body's mask missed: only hands that lie on it count."""
    count, labels = cv2.connectedComponents(hands.astype(np.uint8))
    out = np.zeros_like(hands)
    for label in range(1, count):
        piece = labels == label
        if (piece & body).sum() >= 0.5 * piece.sum():
            out |= piece
    return out
