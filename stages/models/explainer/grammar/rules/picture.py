"""Rules for texts on what several flaws mean for the image as a whole."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

PICTURE: Rules = {
    "picture": (
        "{count} things are wrong in this <image>: {clauses}.",
        "{count} things are wrong in this <image>: {clauses}. <verdict>",
        "This <image> has {count} <flaws>: {clauses}.",
        "This <image> has {count} <flaws>: {clauses}. <verdict>",
        "There are {count} <flaws> to be seen: {clauses}. <verdict>",
        "The <image> gives itself away {times}: {clauses}.",
        "The <image> as a whole is not believable: {clauses}.",
        "The <image> as a whole does not hold together: {clauses}.",
        "{count} details betray the <image>: {clauses}. <verdict>",
    ),
    "image": ("image", "picture"),
    "flaws": ("flaws", "faults", "defects"),
    "verdict": (
        "No camera would have recorded this.",
        "A genuine photo would show none of it.",
        "Together they rule out a genuine photo.",
        "Each of them alone would be enough to make the <image> implausible.",
    ),
}
"""Slots: ``count`` (three), ``times`` (three times), ``clauses`` (one for each flaw, joined)."""
