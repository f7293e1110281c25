"""Rules that several tools share: names, places, sizes, sides, what a real one looks like."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

COMMON: Rules = {
    "part": (
        "[part,named] {owners} {part}",
        "[part,named] {owners} {part}",
        "[part] the {part} of the {entity}",
        "[entity] the {entity}",
    ),
    "pair": (
        "{pair}",
        "[inside,named] {owners} {part} and {other_bare}",
        "[inside,placed] the {part} and the {other_bare} of the {entity}",
    ),
    "unreal": (
        "which does not match reality",
        "which does not match the real situation",
        "which is not realistic",
        "which is unrealistic",
        "which looks unnatural",
        "which is inconsistent with reality",
        "which makes no sense",
        "[known] which does not match the structure of {real_entity}",
        "[known] which does not match what {real_entity} looks like",
    ),
    "unreal_sentence": (
        "This does not match reality.",
        "This is not realistic.",
        "It does not look real.",
        "It looks unnatural.",
        "This is clearly unrealistic.",
        "It is not consistent with a real photo.",
        "[known] {real_entity} {do_e} not look like this.",
        "[known] This does not match {real_entity}.",
    ),
    "norm": (
        "{owner} should only have {number}",
        "{owner} should have {number}",
        "{owner} normally has {number}",
        "in reality, {owner} has only {number}",
        "in reality {owner} only has {number}",
    ),
    "a_real": (
        "{real_part} <real>",
        "in reality, {a_kind} <real>",
        "normally {a_kind} <real>",
    ),
    "contrast": ("but", "while", "whereas"),
    "image": ("image", "picture"),
    "tail": ("", "", "", "", "", "<detail>"),
    "detail": (
        "[place] The <problem> is <in_place>.",
        "[place] It can be seen <in_place>.",
        "[little] Only a {size} part of the <image> is affected.",
        "[size] The <problem> takes up a {size} part of the <image>.",
        "[piece] Only a small part of the {entity} is affected.",
        "[half] About half of the {entity} is affected.",
        "[most] Most of the {entity} is affected.",
        "[side] <side>",
        "[side] <side>",
        "[count] <count>",
        "",
    ),
    "in_place": ("{in_place}", "{in_place_of_image}"),
    "problem": ("problem", "error", "mistake"),
}
"""``tail``: sometimes one more fact as a sentence of its own, where the record holds one. ``side``
and ``count`` are each tool's; ``real`` comes from ``knowledge.py``."""
