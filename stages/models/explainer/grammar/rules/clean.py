"""Rules for texts on why the untouched photo is free of flaws."""

from __future__ import annotations

from stages.tools.aspects.words import Rules

CLEAN: Rules = {
    "clean": (
        "{in_scene}, <every>, and <nothing>.",
        "The photo is free of flaws: {in_scene}, <every>.",
        "<nothing>; {in_scene}, <every>.",
        "The image is <sound>. {in_scene}, <every>.",
        "{in_scene}, <every>: the image is <sound>.",
        "{in_scene}, <nothing>, so the picture is <sound>.",
        "A <sound> photo: {in_scene}, <every>, and <nothing>.",
        "<every> {in_scene}, and <nothing>.",
        "One may search {in_scene} and find that <every>.",
        "<every>; <nothing>. The picture is <sound>, {in_scene} as elsewhere.",
        "[parts] {parts} are where they belong, and <nothing>.",
        "[parts] {parts} look the way they should: <every>.",
        "[parts] Nothing about {parts} is amiss; {in_scene}, <every>.",
    ),
    "nothing": (
        "nothing has been doubled, left out or bent out of shape",
        "no form is repeated, absent or melted into another",
        "there are no repeated, absent or garbled shapes",
        "no boundary has dissolved and no shape is broken",
        "no piece is out of place and none comes twice",
    ),
    "every": (
        "shapes, edges and textures agree with one another",
        "every form keeps its own outline",
        "outlines run on and textures continue as they should",
        "details line up and each form has a clear border",
        "light, form and texture belong together",
    ),
    "sound": ("coherent", "consistent", "natural-looking", "believable"),
}
