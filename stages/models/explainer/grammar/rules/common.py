"""Rules that several tools share: names, places, sizes, sides."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

COMMON: Rules = {
    "part": (
        "[part] {owners} {part}",
        "[part] the {part} of the {entity}",
        "[entity] the {entity}",
    ),
    "odd": ("odd", "implausible", "unnatural", "wrong", "unconvincing"),
    "look": ("on close inspection", "on a closer look", "up close", "under scrutiny"),
    "tail": ("<detail>", "<detail>", "<detail>", "<detail><why>", "<why>"),
    "flaw": ("flaw", "fault", "defect"),
    "image": ("image", "picture"),
    "affected": ("affected", "concerned", "touched", "involved"),
    "covers": ("covers", "takes up", "fills"),
    "detail": (
        "[place] The <flaw> <lies> {in_place}.",
        "[place] The <spot> to look at is {in_place}.",
        "[place] <look2> {in_place}.",
        "[place] <this> {in_place}.",
        "[size] The <flaw> <covers> a {size} part of the picture.",
        "[little] Only a {size} part of the picture is <affected>.",
        "[large] A {size} part of the picture is <affected>.",
        "[little,place] The <spot>, a {size} part of the picture, <lies> {in_place}.",
        "[large,place] It <covers> a {size} part of the picture, {in_place}.",
        "[piece] Only a small piece of the {entity} is <affected>.",
        "[piece] The <flaw> <covers> only a small piece of the {entity}.",
        "[half] About half of the {entity} is <affected>.",
        "[half] The <flaw> <covers> about half of the {entity}.",
        "[most] Most of the {entity} is <affected>.",
        "[most] The <flaw> <covers> most of the {entity}.",
        "[side] <side>",
        "[side] <side>",
        "[count] <count>",
        "",
    ),
    "lies": ("lies", "sits", "is found", "is to be seen"),
    "look2": ("One has to look", "Look", "The place is", "The trouble is", "It happens"),
    "spot": ("spot", "place", "area"),
    "this": ("This can be seen", "One finds this", "This shows", "This is to be found"),
}
"""``detail``: one more fact as a sentence of its own, where the record holds one. ``side`` and
``count`` are each tool's, as is ``why``."""
