"""Rules for texts on what several flaws mean for the image as a whole."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

PICTURE: Rules = {
    "picture": (
        "The <image> has {count} <problems>: {clauses}.",
        "The <image> has {count} <problems>: {clauses}. <verdict>",
        "The <image> contains {count} <problems>: {clauses}. <verdict>",
        "There are {count} <problems> in the <image>: {clauses}.",
        "There are {count} <problems> in the <image>: {clauses}. <verdict>",
        "The <image> <fake>, because of {count} <problems>: {clauses}.",
        "The <image> <fake>. There are {count} <problems>: {clauses}.",
        "Overall, the <image> <fake>: {clauses}.",
        "{count} details of the <image> are wrong: {clauses}. <verdict>",
        "The structure of {count} places in the <image> is incorrect: {clauses}. <verdict>",
    ),
    "image": ("image", "picture"),
    "problems": ("problems", "errors", "structural errors", "obvious errors", "mistakes"),
    "fake": (
        "does not match reality",
        "is not realistic",
        "is inconsistent with reality",
        "looks generated or edited",
    ),
    "verdict": (
        "This does not match reality.",
        "These do not match the real situation.",
        "A real photo would not look like this.",
        "Therefore, the <image> <fake>.",
        "So the <image> is not a real photo.",
    ),
}
"""Slots: ``count`` (three), ``clauses`` (one for each flaw, joined)."""
