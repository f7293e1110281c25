"""What is true of every real part of a kind, for sentences on what a real one looks like.

Only general statements: none is about the part in the photo, which may be hidden, closed or dressed.
"""

from __future__ import annotations

from dataclasses import dataclass

from stages.models.explainer import nouns
from stages.records.documents import Variant

_PEOPLE = frozenset({"person", "man", "woman", "boy", "girl", "child", "baby"})
_ANIMALS = frozenset(
    {"dog", "wolf", "fox", "cat", "bear", "rabbit", "monkey", "horse", "pig", "sheep", "camel",
     "retriever", "terrier", "spaniel", "hound", "cow", "goat", "deer", "lion", "tiger", "leopard"}
)  # fmt: skip
"""Last words of names of mammals."""


@dataclass(frozen=True)
class Kind:
    """Facts about the parts of a kind."""

    number: int
    """How many a real owner has."""
    real: tuple[str, ...] = ()
    """What a real one has or is, with the verb: ``has two nostrils``. No direction (``above``), no
    number of parts of the same kind."""
    where: str = ""
    """Where a real one is: ``between the eyes and the mouth``."""
    noun: str = ""
    """The word to use for the kind, if it is not the kind itself."""
    owner: str = ""
    """What has so many of them, with its article, if it is not the entity."""


_LIMB = ("has one smooth outline from end to end", "keeps the same thickness on both sides of a joint")

_OF_PEOPLE = {
    "eye": Kind(
        2,
        (
            "has a round pupil between two eyelids",
            "has a clear pupil and two eyelids",
            "has an iris, a pupil and clean eyelids",
        ),
        "next to the bridge of the nose",
    ),
    "eyebrow": Kind(
        2,
        (
            "is one continuous line of short hairs",
            "is a single smooth arch of hair",
            "has fine hairs that all follow one arch",
        ),
        "over the eye",
    ),
    "nose": Kind(
        1,
        (
            "has a straight bridge and two nostrils",
            "has one tip and two nostrils",
            "has a clear bridge, a tip and two nostrils",
        ),
        "between the eyes and the mouth",
    ),
    "mouth": Kind(
        1,
        (
            "has two lips that meet in a clean line",
            "has clear lips and two corners",
            "has smooth lips with a clear shape",
        ),
        "between the nose and the chin",
    ),
    "ear": Kind(
        2,
        (
            "has a curved rim and a lobe",
            "has clear folds and a smooth rim",
            "has a rounded rim with folds inside it",
        ),
        "on the side of the head",
    ),
    "hand": Kind(
        2,
        (
            "has a palm and five separate fingers",
            "has four fingers and a thumb",
            "has five fingers with clear joints",
        ),
        "at the end of the arm",
    ),
    "finger": Kind(
        5,
        (
            "has clear joints and one fingertip",
            "has two or three joints and ends in a fingertip",
            "bends only at its joints",
        ),
        "on the hand",
        owner="a hand",
    ),
    "arm": Kind(
        2,
        ("has one elbow and a smooth outline", "bends only at the elbow", _LIMB[0]),
        "between the shoulder and the hand",
    ),
    "upper arm": Kind(
        2,
        ("is one solid piece from the shoulder to the elbow", _LIMB[0]),
        "between the shoulder and the elbow",
        noun="arm",
    ),
    "forearm": Kind(
        2,
        ("is one solid piece from the elbow to the wrist", _LIMB[0]),
        "between the elbow and the wrist",
        noun="arm",
    ),
    "leg": Kind(
        2,
        ("has one knee and a smooth outline", "bends only at the knee", _LIMB[0]),
        "between the hip and the foot",
    ),
    "thigh": Kind(
        2,
        ("is one solid piece from the hip to the knee", _LIMB[0]),
        "between the hip and the knee",
        noun="leg",
    ),
    "lower leg": Kind(
        2,
        ("is one solid piece from the knee to the ankle", _LIMB[0]),
        "between the knee and the ankle",
        noun="leg",
    ),
    "foot": Kind(
        2,
        ("has a heel and five toes", "has toes at the front and a heel at the back"),
        "at the end of the leg",
    ),
    "face": Kind(
        1,
        (
            "has eyes, a nose and a mouth that fit together",
            "has clear features and smooth skin between them",
            "has its features in proportion to each other",
        ),
        "at the front of the head",
    ),
    "head": Kind(1, ("has one continuous outline", "has a rounded outline"), "on the neck"),
    "neck": Kind(
        1,
        (
            "is smooth and joins the head to the shoulders",
            "runs smoothly from the jaw to the shoulders",
        ),
        "between the head and the shoulders",
    ),
    "torso": Kind(
        1,
        (
            "has one continuous outline",
            "is one solid form with a clear outline",
            "has a smooth outline down from the shoulders",
        ),
        noun="body",
    ),
}  # fmt: skip
_OF_ANIMALS = {
    "ear": Kind(2, ("has a clear rim and a clear outline",), "on the head"),
    "eye": Kind(2, ("has a clear pupil",), "on the head"),
    "nose": Kind(1, ("has two nostrils",), "on the head"),
    "mouth": Kind(1),
    "head": Kind(1, ("has one continuous outline",)),
    "tail": Kind(1, ("has one continuous outline",)),
    "leg": Kind(4, ("has one smooth outline from end to end",)),
}
KINDS = (_OF_PEOPLE, _OF_ANIMALS)
"""All knowledge, by the kind of part: of people, and of animals."""


def find_kind(variant: Variant) -> Kind | None:
    """Return what is known about the kind of a variant's part; None if nothing is."""
    last = (variant.entity_name.lower().split() or [""])[-1]
    if variant.positional or variant.part == variant.entity:
        return None
    if last in _PEOPLE:
        return _OF_PEOPLE.get(variant.part_kind)
    return _OF_ANIMALS.get(variant.part_kind) if last in _ANIMALS else None


def name_norm(variant: Variant, kind: Kind) -> tuple[str, str]:
    """Return who has so many parts of the kind, and how many: ``a person``, ``two eyes``."""
    noun = kind.noun or variant.part_kind
    counted = noun if kind.number == 1 else nouns.plural(noun)
    owner = kind.owner or nouns.indefinite(variant.entity_name)
    return owner, f"{nouns.NUMBERS[kind.number]} {counted}"
