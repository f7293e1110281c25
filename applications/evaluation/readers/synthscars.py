"""SynthScars (LEGION): sentences and polygons on generated images.

``<split>/images/`` and ``<split>/annotations/<split>.json``, a list of objects with one key each:
``{<id>: {img_file_name, caption, refs: [{sentence, segmentation, explanation}]}}``, where
``segmentation`` is a list of polygons ``[x0, y0, x1, y1, ...]`` in pixels. A region may have
several polygons: all of them count, in its box too. Regions whose sentence is not in the caption,
which LEGION's loader drops, count as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from applications.evaluation.example import Example, LabelledSet, Problem, Truth
from applications.evaluation.readers.files import (
    BadLabel,
    Pictures,
    parse_list,
    parse_object,
    parse_text,
    read_json,
)
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather
from applications.evaluation.readers.outlines import bounds, draw_polygons, parse_polygon
from stages.engine.workspace import FactoryError

_FOLDERS = ("annotations", "annoations")
"""The second is how the release's README spells it."""


def read(request: Request) -> LabelledSet:
    """Read the annotations of one split or of all.

    Raises:
        FactoryError: there are none.
    """
    names = [request.split] if request.split else splits(request.path)
    examples, problems = list[Example](), list[Problem]()
    for name in names:
        file = _find(request.path, name)
        if file is None:
            raise FactoryError(
                f"{request.path} has no split {name!r}: it has {', '.join(splits(request.path))}"
            )
        pictures = Pictures(request.pictures or request.path / name / "images")
        found = gather(
            _entries(read_json(file, list), name),
            lambda key, entry, split=name, find=pictures.find: _convert(key, entry, split, find),
            pictures.unlabelled(),
        )
        examples += found.examples
        problems += found.problems
    return LabelledSet(tuple(examples), tuple(problems))


def _entries(content: list[Any], split: str) -> Iterator[tuple[str, Any]]:
    for number, entry in enumerate(content):
        if isinstance(entry, dict) and entry:
            yield from ((f"{split}/{key}", value) for key, value in entry.items())
        else:
            yield f"{split}/entry {number}", None


def _convert(
    key: str, entry: object, split: str, find: Callable[[object], Any]
) -> Example | Problem:
    content = parse_object(entry, "the entry")
    picture = find(content.get("img_file_name"))
    if isinstance(picture, Problem):
        return picture
    regions = tuple(
        _region(parse_object(ref, "a ref")) for ref in parse_list(content.get("refs"), "refs")
    )
    outlines = [polygon for region in regions for polygon in region.polygons]
    return Example(
        key=key,
        read=picture,
        label="flawed" if regions else "clean",
        role="generated",
        regions=regions,
        mask=partial(draw_polygons, outlines) if regions else None,
        text=parse_text(content.get("caption")),
        split=split,
    )


def _region(ref: dict[str, Any]) -> Truth:
    polygons = tuple(map(parse_polygon, parse_list(ref.get("segmentation"), "segmentation")))
    if not polygons:
        raise BadLabel("a ref has no polygon")
    text = parse_text(ref.get("explanation")) or parse_text(ref.get("sentence"))
    return Truth(bounds(polygons), text, polygons=polygons)


def _find(path: Path, split: str) -> Path | None:
    files = (path / split / folder / f"{split}.json" for folder in _FOLDERS)
    return next((file for file in files if file.is_file()), None)


def splits(path: Path) -> list[str]:
    """Return the names of the splits."""
    if not path.is_dir():
        return []
    return sorted(f.name for f in path.iterdir() if f.is_dir() and _find(path, f.name))


def matches(path: Path) -> bool:
    """Return whether a folder has a split of this form."""
    return bool(splits(path))


FORM = Form(
    "SynthScars (LEGION)",
    "<split>/images/ and <split>/annotations/<split>.json",
    matches,
    read,
    splits,
)
