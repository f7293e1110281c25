"""LOKI's open-ended image questions: boxes and sentences of people about generated images.

``open_ended_vqa.json`` (UTF-16 with a byte order mark, unlike its neighbours): a list of
``{image_path, problems: {regional: [{region: [x, y, w, h], desc}], global: [{desc}]}}``. Boxes are
in pixels; the sizes of the images are not in the file. All images are flawed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from applications.evaluation.example import Example, LabelledSet, Problem, Truth
from applications.evaluation.readers.files import (
    BadLabel,
    Pictures,
    parse_list,
    parse_object,
    parse_sized_box,
    parse_text,
    read_json,
)
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather

NAME = "open_ended_vqa.json"
_PLACES = (NAME, f"data_json/image/{NAME}")


def read(request: Request) -> LabelledSet:
    """Read the annotation.

    Raises:
        FactoryError: it is missing or no JSON list.
    """
    path = _find(request.path)
    entries = read_json(path, list)
    base = request.path if request.path.is_dir() else path.parent
    pictures = Pictures(request.pictures or base)
    return gather(
        (
            (str(entry.get("image_path", n)) if isinstance(entry, dict) else str(n), entry)
            for n, entry in enumerate(entries)
        ),
        lambda key, entry: _convert(key, parse_object(entry, "the entry"), pictures.find),
    )


def _convert(key: str, entry: dict[str, Any], find: Callable[[object], Any]) -> Example | Problem:
    picture = find(entry.get("image_path"))
    if isinstance(picture, Problem):
        return picture
    problems = parse_object(entry.get("problems"), "`problems`")
    listed = parse_list(problems.get("regional"), "regional")
    regions = tuple(_region(parse_object(region, "a region")) for region in listed)
    texts = [
        parse_text(parse_object(part, "a global problem").get("desc"))
        for part in parse_list(problems.get("global"), "global")
    ]
    if not regions and not any(texts):
        raise BadLabel("neither a region nor a global problem")
    # The released evaluators compare with the first one.
    text = texts[0] if texts else ""
    return Example(key, picture, "flawed", "generated", regions=regions, text=text)


def _region(region: dict[str, Any]) -> Truth:
    return Truth(parse_sized_box(region.get("region")), parse_text(region.get("desc")))


def _find(path: Path) -> Path:
    if path.is_dir():
        return next((path / name for name in _PLACES if (path / name).is_file()), path / NAME)
    return path


def matches(path: Path) -> bool:
    """Return whether a path is LOKI's file, or a folder that holds it, by its name."""
    return _find(path).is_file() and _find(path).name == NAME


FORM = Form(
    "LOKI's open-ended image questions",
    f"{NAME}, itself or in a folder (also below data_json/image), with media_data/image beside it",
    matches,
    read,
)
