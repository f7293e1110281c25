"""What is true of every real part of a kind, and of the surface of some things.

Only general statements: none is about the part in the photo, which may be hidden or dressed.
"""

from __future__ import annotations

from dataclasses import dataclass

from stages.models.explainer import nouns
from stages.records.documents import Variant

_FURRY = frozenset(
    {"dog", "wolf", "fox", "cat", "bear", "rabbit", "monkey", "camel", "retriever", "terrier",
     "spaniel", "hound", "lion", "tiger", "leopard"}
)  # fmt: skip
_ANIMALS = _FURRY | {"horse", "pig", "sheep", "cow", "goat", "deer"}
"""Last words of names of mammals."""
_SURFACES = dict.fromkeys(_FURRY, "fur") | dict.fromkeys(
    ("lizard", "chameleon", "snake", "frog", "elephant"), "skin"
)
"""What covers the whole of a thing, by the last word of its name."""


@dataclass(frozen=True)
class Kind:
    """Facts about the parts of a kind."""

    number: int
    """How many a real owner has."""
    real: tuple[str, ...] = ()
    """What a real one has, with the verb: ``has two nostrils``. No direction (``above``), no number
    of parts of the same kind."""
    where: str = ""
    """Where a real one is: ``between the eyes and the mouth``."""
    noun: str = ""
    """The word to use for the kind, if it is not the kind itself."""
    details: str = ""
    """What every one of them has inside, in the plural."""
    owner: str = ""
    """What has so many of them, with its article, if it is not the entity."""


_OF_PEOPLE = {
    "eye": Kind(2, ("has a round pupil", "has a pupil and two eyelids"),
                "next to the bridge of the nose"),
    "eyebrow": Kind(2, (), "over the eye", details="hairs"),
    "nose": Kind(1, ("has two nostrils", "has a bridge and two nostrils"),
                 "between the eyes and the mouth"),
    "mouth": Kind(1, ("has two lips",), "between the nose and the chin", details="lips"),
    "ear": Kind(2, ("has a rim and a lobe",), "on the side of the head"),
    "hand": Kind(2, ("has five fingers", "has four fingers and a thumb"), "at the end of the arm",
                 details="fingers"),
    "finger": Kind(5, (), "on the hand", owner="a hand"),
    "arm": Kind(2, (), "between the shoulder and the hand"),
    "upper arm": Kind(2, (), "between the shoulder and the elbow", noun="arm"),
    "forearm": Kind(2, (), "between the elbow and the wrist", noun="arm"),
    "leg": Kind(2, (), "between the hip and the foot"),
    "thigh": Kind(2, (), "between the hip and the knee", noun="leg"),
    "lower leg": Kind(2, (), "between the knee and the ankle", noun="leg"),
    "foot": Kind(2, ("has five toes",), "at the end of the leg"),
    "face": Kind(1, (), "at the front of the head", details="features"),
    "head": Kind(1, (), "on the neck"),
    "neck": Kind(1, (), "between the head and the shoulders"),
    "torso": Kind(1, (), noun="body"),
}  # fmt: skip
_OF_ANIMALS = {
    "ear": Kind(2, (), "on the head"),
    "eye": Kind(2, ("has a clear pupil",), "on the head"),
    "nose": Kind(1, ("has two nostrils",), "on the head"),
    "mouth": Kind(1),
    "head": Kind(1),
    "tail": Kind(1),
    "leg": Kind(4),
}
KINDS = (_OF_PEOPLE, _OF_ANIMALS)
"""All knowledge of parts by kind: of people, and of animals."""


def find_kind(variant: Variant) -> Kind | None:
    """Return what is known about the kind of a variant's part; None if nothing is."""
    if variant.positional or variant.part == variant.entity:
        return None
    if nouns.is_person(variant.entity_name):
        return _OF_PEOPLE.get(variant.part_kind)
    found = nouns.last_word(variant.entity_name) in _ANIMALS
    return _OF_ANIMALS.get(variant.part_kind) if found else None


def name_surface(entity: str) -> str:
    """Return what covers the whole of a thing called `entity`: ``fur``; "" if it is not known."""
    return _SURFACES.get(nouns.last_word(entity), "")


def name_norm(variant: Variant, kind: Kind) -> tuple[str, str]:
    """Return who has so many parts of the kind, and how many: ``a person``, ``two eyes``."""
    noun = kind.noun or variant.part_kind
    counted = noun if kind.number == 1 else nouns.plural(noun)
    owner = kind.owner or nouns.indefinite(variant.entity_name)
    return owner, f"{nouns.NUMBERS[kind.number]} {counted}"
