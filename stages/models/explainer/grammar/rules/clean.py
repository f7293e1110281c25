"""Rules for texts on why the untouched photo is free of flaws."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

CLEAN: Rules = {
    "clean": (
        "The image looks <real>: {in_scene}, <every>.",
        "The image looks <real>. {in_scene}, <every>, and <nothing>.",
        "The photo looks <real>, because <every> {in_scene}.",
        "{in_scene}, <every> and <nothing>.",
        "{in_scene}, <nothing>, so the photo looks <real>.",
        "There is <no_problem> in the image. {in_scene}, <every>.",
        "There is <no_problem> {in_scene}; <every>, and <nothing>.",
        "I cannot find anything wrong {in_scene}: <every>.",
        "<every> {in_scene}, which matches reality.",
        "This looks like a real photo. {in_scene}, <every>.",
        "[parts] {parts} look <real>, and <nothing>.",
        "[parts] {parts} are in the places where they belong, and <every>.",
        "[parts] {parts} match those of a real one; <every>.",
        "[parts] There is <no_problem> with {parts}, and the photo looks <real>.",
    ),
    "nothing": (
        "nothing is missing or appears twice",
        "nothing is distorted",
        "nothing is missing",
        "nothing is out of place",
        "there are no extra or missing parts",
        "no part is missing, repeated or deformed",
        "no two things are fused together",
    ),
    "every": (
        "the shapes and textures are consistent",
        "the structure matches reality",
        "the edges are clear and the textures are continuous",
        "all shapes are complete and have clear edges",
        "the details fit together",
        "the boundaries are clear and the details line up",
        "everything has the shape that it has in reality",
    ),
    "no_problem": ("no problem", "no visible error", "no mistake", "nothing strange"),
    "real": ("real", "natural", "realistic", "believable"),
}
