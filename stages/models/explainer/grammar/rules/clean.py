"""Rules for texts on why the untouched photo is free of flaws."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

CLEAN: Rules = {
    "clean": (
        "The image looks <real>: <every>.",
        "The image looks <real>. <every>, and <nothing>.",
        "The photo looks <real>, because <every>.",
        "<every>, and <nothing>.",
        "<every>, so the photo looks <real>.",
        "There is <no_problem> in the image. <every>.",
        "There is <no_problem> in the photo: <every>, and <nothing>.",
        "I cannot find anything wrong with {scene}. <every>.",
        "<every>, which matches reality.",
        "This looks like a real photo. <every>, and <nothing>.",
        "This looks like a real photo, as <every>.",
        "[parts] {parts} look <real>, and <nothing>.",
        "[parts] {parts} are in the places where they belong, and <every>.",
        "[parts] The number and shape of {parts} match reality; <nothing>.",
        "[parts] There is <no_problem> with {parts}, and <every>.",
    ),
    "nothing": (
        "nothing is missing or appears twice",
        "nothing is distorted",
        "nothing is missing",
        "nothing is out of place",
        "there are no extra or missing parts",
        "no part is missing or deformed",
        "nothing looks strange",
    ),
    "every": (
        "the shape and texture of {scene} are consistent",
        "the structure of {scene} is consistent",
        "the edges of {scene} are clear and the textures are continuous",
        "the shape of {scene} is natural and has clear edges",
        "the details of {scene} fit together",
        "the outline of {scene} is clear and the details line up",
        "the shape and structure of {scene} match what they look like in reality",
    ),
    "no_problem": ("no problem", "no visible error", "no mistake", "nothing strange"),
    "real": ("real", "natural", "realistic", "believable"),
}
