"""A fixed vocabulary: common things and the parts that are worth breaking. Looks at no picture.

The stand-in for a vision-language model: it asks for every word in every photo and leaves it to the
detector what is there. Names are COCO's where COCO has the thing. A part is *peripheral* when it
sticks out and can be doubled or left out, *central* when it is continuous and can be distorted
(algorithm section 1).
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
"""Thing to kind of part to its position, on which the tools that may break it depend."""


def tools_by_part() -> dict[str, dict[str, tuple[Tool, ...]]]:
    """Thing to kind of part to the tools that may break it."""
    return {
        name: {kind: tools_for(position) for kind, position in parts.items()}
        for name, parts in WORDS.items()
    }


class WordList:
    """The vocabulary of `WORDS` for every photo."""

    @classmethod
    def revision(cls) -> str:
        """Digest of the words and their tools."""
        return hashlib.sha256(json.dumps(tools_by_part()).encode()).hexdigest()[:16]

    def vocabulary(self, image: Image) -> list[WantedEntity]:
        """All words; the picture is not looked at."""
        return [
            WantedEntity(
                name, tuple(WantedPart(kind, kind, tools) for kind, tools in parts.items())
            )
            for name, parts in tools_by_part().items()
        ]
