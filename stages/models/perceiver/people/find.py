"""Find people and describe them as things with named parts."""

from __future__ import annotations

import cv2
import numpy as np

from stages.models.perceiver.people.face import CHIN, FEATURES, Face
from stages.models.perceiver.people.faceless_parts import (
    drop_sides,
    find_head,
    is_behind_head,
    is_facing_certain,
)
from stages.models.perceiver.people.hands import HandFinder
from stages.models.perceiver.people.head import find_ears, find_eyebrows, find_neck
from stages.models.perceiver.people.limbs import find_limbs, find_torso
from stages.models.perceiver.people.looks import HeadAttributes, Probabilities, classify_head
from stages.models.perceiver.people.person import PeopleFinder, Person, PersonThresholds
from stages.models.perceiver.regions import Region, Thing
from stages.records.images import Image
from stages.records.masks import Mask

ANIMAL, GLASSES, MASK = 0.5, 0.3, 0.2
"""Minimum probabilities at which a head counts as an animal's or as wearing glasses or a mask."""
ANIMAL_BODY = 0.4
"""Minimum probability at which a body without a face counts as an animal's."""

_BUST = (2.2, 2.5)
"""Extent of an upper body to either side of the chin and below it, in face sizes. Farther away the
mask often covers a table."""


class People:
    """Finds all people with face, eyes, nose, mouth, arms, hands, fingers, legs, feet and torso.

    A person without a visible face has a head instead.

    Left and right are the person's own sides.
    """

    def __init__(
        self,
        classify: Probabilities,
        thresholds: PersonThresholds,
        visibility: float,
        hand: float,
    ) -> None:
        """Load the models.

        Args:
            classify: returns the ImageNet probabilities of an image; tells animals from people.
            thresholds: what a person has to reach.
            visibility: minimum certainty of a limb's landmarks.
            hand: minimum certainty of a hand and its side.

        Raises:
            WeightsError: weights are missing or damaged.
        """
        self._find = PeopleFinder(thresholds)
        self._hands = HandFinder(self._find.detect_faces, hand)
        self._classify, self._visibility = classify, visibility

    def __call__(self, image: Image) -> list[Thing]:
        """Find people, largest face first; the masks of two people do not overlap."""
        people = [
            (person, classify_head(person, image, self._classify)) for person in self._find(image)
        ]
        return [
            self._describe(image, person, attributes)
            for person, attributes in people
            if attributes.animal < (ANIMAL if person.face is not None else ANIMAL_BODY)
            or _is_certainly_human(person)
        ]

    def _describe(self, image: Image, person: Person, attributes: HeadAttributes) -> Thing:
        shape = (image.shape[0], image.shape[1])
        regions = list[Region]()
        hands = self._hands(image, person.mask, person.pose)
        hand_regions = self._hands.regions(hands, shape)
        reach = np.zeros(shape, bool)
        for region in hand_regions:
            reach |= region.mask
        body = person.mask | _select_hands_on_body(reach, person.mask)
        if person.face is not None:
            regions += face_regions(person.face, body, reach, attributes)
            regions += _find_head_parts(person.face, image, body & ~reach, attributes)
            head = person.face.oval_mask(shape)
        else:
            whole = self._find_whole_head(person, body & ~reach)
            regions += [whole] if whole else []
            head = whole.mask if whole else np.zeros(shape, bool)
        arms = list[Region]()
        if person.pose is not None:
            arms = find_limbs(person.pose, body, self._visibility, reach | head)
            if person.face is None and not is_facing_certain(person.pose):
                arms = drop_sides(arms)
            regions += arms
        front = reach | head
        for region in arms:
            front |= region.mask
        chest = _find_upper_body(person, body & ~front, self._visibility)
        regions += hand_regions + ([chest] if chest else [])
        return Thing("person", person.score, body, regions)

    def _find_whole_head(self, person: Person, free: Mask) -> Region | None:
        """Find the head of a person whose face is not visible."""
        return find_head(person.pose, free, self._visibility) if person.pose is not None else None


def _is_certainly_human(person: Person) -> bool:
    """Return whether the face is human, even if the crop is classified as an animal.

    An animal may be next to the person. The mesh never has so little spread on an animal's face.
    """
    return person.face is not None and person.score >= 0.9 and person.face.spread <= 0.03


def face_regions(face: Face, body: Mask, covered: Mask, attributes: HeadAttributes) -> list[Region]:
    """Return the face and those of its features that face the camera and are not behind a hand.

    Args:
        face: the mesh.
        body: (H, W) mask of the person.
        covered: (H, W) mask of the person's hands.
        attributes: glasses hide the eyes, a mask hides nose and mouth.
    """
    shape = (body.shape[0], body.shape[1])
    oval = face.oval_mask(shape) & body
    regions = [Region("face", "face", face.score, oval)]
    for name in FEATURES:
        mask = face.feature_mask(name, shape) & body
        hidden = float((mask & covered).sum()) / max(int(mask.sum()), 1)
        score = face.score * face.feature_frontality(name)
        kind = name.removeprefix("left ").removeprefix("right ")
        worn = attributes.glasses >= GLASSES if kind == "eye" else attributes.mask >= MASK
        if score >= 0.3 and hidden < 0.2 and not worn:
            regions.append(Region(name, kind, score, mask))
    return regions


def _find_head_parts(
    face: Face, image: Image, free: Mask, attributes: HeadAttributes
) -> list[Region]:
    """Find eyebrows, ears and neck."""
    out = find_eyebrows(face, image, free) if attributes.glasses < GLASSES else []
    if attributes.mask < MASK:
        below = find_neck(face, image, free)
        out += [*find_ears(face, image, free), *([below] if below else [])]
    return out


def _find_upper_body(person: Person, free: Mask, visibility: float) -> Region | None:
    """Return the torso if shoulders and hips are visible, else the upper body below the chin."""
    if person.pose is not None:
        region = find_torso(person.pose, free, visibility)
        if region is not None:
            hidden = person.face is None and is_behind_head(person.pose, region.mask)
            return None if hidden else region
    if person.face is None:
        return None
    x, y = (float(v) for v in person.face.points[CHIN])
    size = person.face.size
    rows = slice(max(round(y + 0.35 * size), 0), max(round(y + _BUST[1] * size), 0))
    columns = slice(max(round(x - _BUST[0] * size), 0), max(round(x + _BUST[0] * size), 0))
    below = np.zeros_like(free)
    below[rows, columns] = free[rows, columns]
    return Region("upper body", "torso", 0.65 * person.face.score, below)


def _select_hands_on_body(hands: Mask, body: Mask) -> Mask:
    """Return the hands that lie on the body, including pixels that the body's mask lacks."""
    count, labels = cv2.connectedComponents(hands.astype(np.uint8))
    out = np.zeros_like(hands)
    for label in range(1, count):
        piece = labels == label
        if (piece & body).sum() >= 0.5 * piece.sum():
            out |= piece
    return out
