"""A fixed vocabulary of common things and those of their parts that are worth breaking.

A stand-in for a vision-language model. It does not look at the photo: it lists every word for every
photo and leaves it to the detector to find what is there. Things that COCO has are named as in
COCO. A part is *peripheral* if it sticks out, so that it can be duplicated or removed, and
*central* if it is continuous with the rest, so that it can be distorted (algorithm section 1).
"""

from __future__ import annotations

import hashlib
import json

from stages.models.protocols import Image, WantedEntity, WantedPart
from stages.tools import Tool
from stages.tools.aspects.parts import BOTH, CENTRAL, PERIPHERAL, Position, tools_for

Parts = dict[str, Position]
_FACE: Parts = {"eye": BOTH, "nose": BOTH, "mouth": BOTH}
_MAMMAL: Parts = {
    "head": CENTRAL, "ear": PERIPHERAL, "eye": BOTH, "nose": BOTH, "leg": PERIPHERAL,
    "paw": PERIPHERAL, "tail": PERIPHERAL, "body": CENTRAL,
}  # fmt: skip
_HOOFED: Parts = {name: tools for name, tools in _MAMMAL.items() if name != "paw"}
_HORNED: Parts = {**_HOOFED, "horn": PERIPHERAL}
_CAR: Parts = {
    "wheel": PERIPHERAL, "headlight": PERIPHERAL, "side mirror": PERIPHERAL, "door": CENTRAL,
    "windshield": CENTRAL,
}  # fmt: skip
_SEAT: Parts = {"leg": PERIPHERAL, "armrest": PERIPHERAL, "backrest": CENTRAL, "seat": CENTRAL}
_CUP: Parts = {"handle": PERIPHERAL, "rim": CENTRAL}
_SCREEN: Parts = {"screen": CENTRAL, "keyboard": CENTRAL}

WORDS: dict[str, Parts] = {
    "person": {
        "face": CENTRAL, **_FACE, "ear": PERIPHERAL, "hand": PERIPHERAL, "finger": PERIPHERAL,
        "arm": PERIPHERAL, "leg": PERIPHERAL, "foot": PERIPHERAL, "torso": CENTRAL,
    },
    "cat": _MAMMAL, "dog": _MAMMAL, "bear": _MAMMAL, "rabbit": _MAMMAL, "monkey": _MAMMAL,
    "horse": _HOOFED, "zebra": _HOOFED, "sheep": _HORNED, "cow": _HORNED, "giraffe": _HORNED,
    "elephant": {**_HOOFED, "trunk": PERIPHERAL, "tusk": PERIPHERAL},
    "bird": {
        "head": CENTRAL, "eye": BOTH, "beak": PERIPHERAL, "wing": PERIPHERAL, "tail": PERIPHERAL,
        "foot": PERIPHERAL, "body": CENTRAL,
    },
    "fish": {"head": CENTRAL, "eye": BOTH, "fin": PERIPHERAL, "tail": PERIPHERAL, "body": CENTRAL},
    "car": _CAR, "bus": _CAR, "truck": _CAR,
    "bicycle": {
        "wheel": PERIPHERAL, "pedal": PERIPHERAL, "saddle": PERIPHERAL, "handlebar": PERIPHERAL,
        "frame": CENTRAL,
    },
    "motorcycle": {
        "wheel": PERIPHERAL, "headlight": PERIPHERAL, "handlebar": PERIPHERAL, "seat": CENTRAL,
    },
    "train": {"windshield": CENTRAL, "headlight": PERIPHERAL, "door": CENTRAL},
    "airplane": {"wing": PERIPHERAL, "tail": PERIPHERAL, "engine": PERIPHERAL, "nose": CENTRAL},
    "boat": {"mast": PERIPHERAL, "sail": PERIPHERAL, "hull": CENTRAL},
    "chair": _SEAT, "couch": _SEAT, "bench": _SEAT,
    "dining table": {"leg": PERIPHERAL, "tabletop": CENTRAL},
    "bed": {"pillow": PERIPHERAL, "headboard": CENTRAL},
    "cup": _CUP, "teapot": {**_CUP, "spout": PERIPHERAL, "lid": CENTRAL},
    "wine glass": {"stem": PERIPHERAL, "rim": CENTRAL},
    "bottle": {"cap": PERIPHERAL, "neck": CENTRAL, "label": CENTRAL},
    "fork": {"tine": PERIPHERAL, "handle": CENTRAL},
    "knife": {"blade": CENTRAL, "handle": PERIPHERAL},
    "scissors": {"blade": PERIPHERAL, "handle": PERIPHERAL},
    "laptop": _SCREEN, "tv": {"screen": CENTRAL}, "cell phone": {"screen": CENTRAL},
    "clock": {"hand": PERIPHERAL, "dial": CENTRAL},
    "guitar": {"neck": PERIPHERAL, "tuning peg": PERIPHERAL, "body": CENTRAL},
    "umbrella": {"handle": PERIPHERAL, "canopy": CENTRAL},
    "backpack": {"strap": PERIPHERAL, "pocket": PERIPHERAL},
    "teddy bear": {**_FACE, "ear": PERIPHERAL, "arm": PERIPHERAL, "leg": PERIPHERAL},
    "potted plant": {"leaf": PERIPHERAL, "pot": CENTRAL},
    "flower": {"petal": PERIPHERAL, "stem": PERIPHERAL, "center": CENTRAL},
    "house": {"window": PERIPHERAL, "door": PERIPHERAL, "chimney": PERIPHERAL, "roof": CENTRAL},
}  # fmt: skip
"""Thing to kind of part to its position, which determines the tools that may break it."""


def tools_by_part() -> dict[str, dict[str, tuple[Tool, ...]]]:
    """Map each thing to its kinds of parts, and those to the tools that may break them."""
    return {
        name: {kind: tools_for(position) for kind, position in parts.items()}
        for name, parts in WORDS.items()
    }


class WordList:
    """The vocabulary of `WORDS` for every photo."""

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the words and their tools."""
        return hashlib.sha256(json.dumps(tools_by_part()).encode()).hexdigest()[:16]

    def vocabulary(self, image: Image) -> list[WantedEntity]:
        """Return all words; `image` is not used."""
        return [
            WantedEntity(
                name, tuple(WantedPart(kind, kind, tools) for kind, tools in parts.items())
            )
            for name, parts in tools_by_part().items()
        ]
