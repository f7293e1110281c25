"""What is true of every real part of a kind, for sentences on what a real one looks like.

Only general statements: none is about the part in the photo, which may be hidden or dressed.
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
    """How many a real owner has; 0: not known."""
    real: tuple[str, ...] = ()
    """What a real one has or is, with the verb: ``has two nostrils``. No direction (``above``), no
    number of parts of the same kind."""
    where: str = ""
    """Where a real one is: ``between the eyes and the mouth``."""
    noun: str = ""
    """The word to use for the kind, if it is not the kind itself."""
    details: str = ""
    """What every one of them has inside, in the plural."""
    owner: str = ""
    """What has so many of them, with its article, if it is not the entity."""


_LIMB = "has one smooth outline from end to end"

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
        details="hairs",
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
        details="lips",
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
        details="fingers",
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
        ("has one elbow and a smooth outline", "bends only at the elbow", _LIMB),
        "between the shoulder and the hand",
    ),
    "upper arm": Kind(
        2,
        ("is one solid piece from the shoulder to the elbow", _LIMB),
        "between the shoulder and the elbow",
        noun="arm",
    ),
    "forearm": Kind(
        2,
        ("is one solid piece from the elbow to the wrist", _LIMB),
        "between the elbow and the wrist",
        noun="arm",
    ),
    "leg": Kind(
        2,
        ("has one knee and a smooth outline", "bends only at the knee", _LIMB),
        "between the hip and the foot",
    ),
    "thigh": Kind(
        2,
        ("is one solid piece from the hip to the knee", _LIMB),
        "between the hip and the knee",
        noun="leg",
    ),
    "lower leg": Kind(
        2,
        ("is one solid piece from the knee to the ankle", _LIMB),
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
        details="features",
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
_FUR = ("has fur that grows evenly", "has continuous fur that lies in one direction")
_BODY = ("has a smooth body with straight lines", "has panels and lines that fit together")
_OF_THINGS = {
    "cat": _FUR, "dog": _FUR, "wolf": _FUR, "fox": _FUR, "bear": _FUR, "rabbit": _FUR,
    "monkey": _FUR, "ape": _FUR, "retriever": _FUR, "terrier": _FUR, "spaniel": _FUR,
    "horse": ("has a smooth coat over its whole body",),
    "camel": ("has a continuous coat of short hair",),
    "sheep": ("has an even coat of wool",),
    "elephant": ("has continuous grey skin with fine wrinkles",),
    "bird": ("has feathers that lie in one direction", "has feathers in regular rows"),
    "owl": ("has feathers that lie in one direction", "has feathers in regular rows"),
    "fish": ("has a smooth body with fins", "has a body that runs smoothly from head to tail"),
    "lizard": ("has a continuous scaly skin", "has rows of small even scales"),
    "chameleon": ("has a continuous scaly skin", "has rows of small even scales"),
    "snake": ("has rows of small even scales", "has one long continuous body"),
    "frog": ("has smooth continuous skin",),
    "turtle": ("has a shell with regular plates",),
    "crab": ("has a hard shell and jointed legs",),
    "spider": ("has jointed legs that join its body",),
    "beetle": ("has a hard shell with two matching halves",),
    "butterfly": ("has wings with matching patterns",),
    "flower": ("has petals that all grow from its middle", "has petals in a regular order"),
    "mushroom": ("has a stem that holds one cap",),
    "balloon": ("has a smooth and even surface", "has one smooth curved surface"),
    "ball": ("has a smooth and even surface",),
    "car": _BODY, "bus": _BODY, "truck": _BODY, "boat": _BODY, "aeroplane": _BODY,
    "rocket": _BODY, "shuttle": _BODY, "airship": _BODY, "train": _BODY,
    "paintbrush": ("has a straight handle and even bristles",),
    "espresso": ("has a smooth surface in a round cup",),
    "bottle": ("has a smooth body and one neck",), "cup": ("has a smooth round rim",),
    "vase": ("has a smooth body and one opening",), "mug": ("has a smooth round rim",),
    "bicycle": ("has straight tubes and round wheels",),
    "motorcycle": ("has two round wheels on one frame",),
    "guitar": ("has straight strings over a smooth body",),
    "keyboard": ("has keys in straight rows",), "umbrella": ("has even panels around one stick",),
}  # fmt: skip
"""What a real thing has or is, by its name or the last word of it. No outlines or edges: these
sentences are for things of which only the position of the part is known."""
KINDS = (_OF_PEOPLE, _OF_ANIMALS, {name: Kind(0, real) for name, real in _OF_THINGS.items()})
"""All knowledge: of people's and animals' parts by kind, and of things by name."""


def find_kind(variant: Variant) -> Kind | None:
    """Return what is known about the kind of a variant's part, or about the thing if only the
    position of the part is known; None if nothing is."""
    name = variant.entity_name.lower()
    last = (name.split() or [""])[-1]
    if variant.positional:
        real = _OF_THINGS.get(last, ())
        return Kind(0, real, noun=variant.entity_name) if real else None
    if variant.part == variant.entity:
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
