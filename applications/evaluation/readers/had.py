"""HAD, the Human Artifact Dataset of HADM: flawed body parts of generated people.

``annotations/<split>/<name>.json`` beside ``images/<split>/``, one file an image: ``{image:
{file_name, width, height}, annotation: [{bbox, body_parts, level}], human: [{bbox, tag}]}`` with
boxes [x0, y0, x1, y1] in pixels. An image whose two lists are empty is clean. Where only whole
people are tagged ("human with extra hand"), their boxes are the places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from applications.evaluation.example import Example, LabelledSet, Problem, Truth
from applications.evaluation.readers.files import (
    BadLabel,
    Pictures,
    parse_box,
    parse_list,
    parse_numbers,
    parse_object,
    parse_text,
    read_json,
)
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather
from stages.engine.workspace import FactoryError

ANNOTATIONS, IMAGES = "annotations", "images"


def read(request: Request) -> LabelledSet:
    """Read the annotations of one split or of all.

    Raises:
        FactoryError: there are none.
    """
    names = [request.split] if request.split else splits(request.path)
    examples, problems = list[Example](), list[Problem]()
    for name in names:
        folder = request.path / ANNOTATIONS / name
        if not folder.is_dir():
            raise FactoryError(f"{folder} is no folder: choose one of {', '.join(names)}")
        pictures = Pictures(request.pictures or request.path / IMAGES / name)
        found = gather(
            ((f"{name}/{path.stem}", path) for path in sorted(folder.glob("*.json"))),
            lambda key, path, split=name, find=pictures.find: _convert(key, path, split, find),
            pictures.unlabelled(),
        )
        examples += found.examples
        problems += found.problems
    return LabelledSet(tuple(examples), tuple(problems))


def _convert(key: str, path: Path, split: str, find: Callable[[object], Any]) -> Example | Problem:
    try:
        content = read_json(path, dict)
    except FactoryError as error:  # one damaged file of thousands
        raise BadLabel(str(error)) from error
    image = parse_object(content.get("image"), "`image`")
    picture = find(image.get("file_name"))
    if isinstance(picture, Problem):
        return picture
    width, height = parse_numbers([image.get("width"), image.get("height")], 2)
    parts, people = list(_parts(content)), list(_people(content))
    return Example(
        key=key,
        read=picture,
        label="flawed" if parts or people else "clean",
        role="generated",
        size=(int(width), int(height)),
        regions=tuple(parts or people),
        split=split,
        facts={"generator": path.stem.partition("_")[0]},
    )


def _parts(content: dict[str, Any]) -> Iterator[Truth]:
    for entry in parse_list(content.get("annotation"), "annotation"):
        part = parse_object(entry, "an annotation")
        words = (parse_text(part.get(name)) for name in ("level", "body_parts"))
        yield Truth(parse_box(part.get("bbox")), " ".join(filter(None, words)))


def _people(content: dict[str, Any]) -> Iterator[Truth]:
    for entry in parse_list(content.get("human"), "human"):
        human = parse_object(entry, "a human")
        tags = human.get("tag")
        tags = [tags] if isinstance(tags, str) else parse_list(tags, "tag")
        if text := ", ".join(filter(None, map(parse_text, tags))):
            yield Truth(parse_box(human.get("bbox")), text)


def matches(path: Path) -> bool:
    """Return whether a folder has HAD's two folders with a split in each."""
    return any((path / IMAGES / name).is_dir() for name in splits(path))


def splits(path: Path) -> list[str]:
    """Return the names of the splits."""
    folder = path / ANNOTATIONS
    if not folder.is_dir():
        return []
    return sorted(f.name for f in folder.iterdir() if f.is_dir() and any(f.glob("*.json")))


FORM = Form(
    "HAD, the Human Artifact Dataset (HADM)",
    f"{ANNOTATIONS}/<split>/<name>.json and {IMAGES}/<split>/",
    matches,
    read,
    splits,
)
