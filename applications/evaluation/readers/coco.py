"""COCO's JSON beside a folder of pictures; also our export of that form.

``annotations/<split>.json`` and ``images/``, or a single JSON file (``annotations.json``,
``_annotations.coco.json`` or any name) with the pictures in its folder or in ``images`` beside it.
A picture with an annotation is flawed, one without is clean. Segmentations are polygons, run
lengths or COCO's compressed run lengths.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from applications.evaluation.example import Example, LabelledSet, Problem, Role, Size, Truth
from applications.evaluation.metrics.pixels import fill_boxes
from applications.evaluation.readers.files import (
    Pictures,
    parse_numbers,
    parse_object,
    parse_sized_box,
    parse_text,
    read_json,
)
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather
from applications.evaluation.readers.outlines import (
    draw_polygons,
    draw_run_lengths,
    parse_polygon,
    parse_run_lengths,
)
from stages.engine.workspace import FactoryError
from stages.records.documents import Rle
from stages.records.masks import Mask

_NAMES = ("annotations.json", "_annotations.coco.json", "instances.json")
_ROLES: dict[str, Role] = {"artifact": "artifact", "control": "control", "real": "real"}
"""``kind`` of an image in our export."""


def read(request: Request) -> LabelledSet:
    """Read one JSON file or, of a folder ``annotations``, one split or all.

    Raises:
        FactoryError: there is none, or it is not COCO's form.
    """
    files = _list_files(request.path)
    chosen = {n: p for n, p in files.items() if request.split in ("", n)}
    if not chosen:
        known = ", ".join(files) or "none"
        raise FactoryError(f"{request.path} has no split {request.split!r}: it has {known}")
    pictures = Pictures(request.pictures or _find_pictures(request.path))
    examples, problems = list[Example](), list[Problem]()
    for name, path in chosen.items():
        found = _read_file(path, name if len(files) > 1 else "", pictures)
        examples += found.examples
        problems += found.problems
    if len(chosen) == len(files):  # otherwise pictures of other splits would look unlabelled
        problems += pictures.unlabelled()
    return LabelledSet(tuple(examples), tuple(problems))


def _read_file(path: Path, split: str, pictures: Pictures) -> LabelledSet:
    content = read_json(path, dict)
    images, annotations = content.get("images"), content.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise FactoryError(f"{path} has no lists `images` and `annotations`: it is not COCO's form")
    categories = content.get("categories")
    names: dict[object, str] = {
        identifier: str(category.get("name", ""))
        for category in (categories if isinstance(categories, list) else [])
        if (identifier := _id_of(category, "id")) is not None
    }
    by_image: dict[object, list[dict[str, Any]]] = defaultdict(list)
    orphans: list[Problem] = []
    known = {_id_of(image, "id") for image in images} - {None}
    for number, annotation in enumerate(annotations):
        image_id = _id_of(annotation, "image_id")
        if image_id not in known:
            where = f"{path.name}: annotation {number}"
            orphans.append(Problem("orphaned label", where, f"no image has the id {image_id}"))
        else:
            by_image[image_id].append(annotation)
    prefix = f"{split}/" if split else ""
    return gather(
        (
            (f"{prefix}{i.get('file_name', n) if isinstance(i, dict) else n}", i)
            for n, i in enumerate(images)
        ),
        lambda key, image: _convert(key, image, by_image, names, split, pictures.find),
        orphans,
    )


def _id_of(entry: object, name: str) -> int | str | None:
    """Return an entry's id; None if it has none that can be one."""
    value = entry.get(name) if isinstance(entry, dict) else None
    return value if isinstance(value, int | str) else None


def _convert(
    key: str,
    entry: object,
    by_image: dict[object, list[dict[str, Any]]],
    names: dict[object, str],
    split: str,
    find: Callable[[object], Any],
) -> Example | Problem:
    image = parse_object(entry, "the image")
    picture = find(image.get("file_name"))
    if isinstance(picture, Problem):
        return picture
    annotations = by_image.get(_id_of(image, "id"), [])
    regions = tuple(_region(annotation, names) for annotation in annotations)
    outlines = [_outline(*pair) for pair in zip(annotations, regions, strict=True)]
    size = None
    if image.get("width") is not None or image.get("height") is not None:
        width, height = parse_numbers([image.get("width"), image.get("height")], 2)
        size = int(width), int(height)
    return Example(
        key=key,
        read=picture,
        label="flawed" if annotations else "clean",
        role=_ROLES.get(str(image.get("kind")), "generated"),
        size=size,
        regions=regions,
        mask=partial(_draw, outlines) if annotations else None,
        text=parse_text(image.get("text")),
        split=split,
        photo=parse_text(image.get("photo")),
        facts=_facts(image, regions),
    )


def _facts(image: dict[str, Any], regions: Sequence[Truth]) -> dict[str, str]:
    kinds = {region.kind for region in regions} - {""}
    found = {"kind": kinds.pop() if len(kinds) == 1 else "several"} if kinds else {}
    generator = parse_text(image.get("generator"))
    return {**found, **({"generator": generator} if generator else {})}


def _region(annotation: dict[str, Any], names: dict[object, str]) -> Truth:
    polygons = annotation.get("segmentation")
    outlines = tuple(map(parse_polygon, polygons)) if isinstance(polygons, list) else ()
    category = annotation.get("category_id")
    kind = "" if isinstance(category, list | dict) else names.get(category, "")
    text = parse_text(annotation.get("text") or annotation.get("caption"))
    return Truth(parse_sized_box(annotation.get("bbox")), text, kind, outlines)


def _outline(annotation: dict[str, Any], region: Truth) -> Truth | Rle:
    """Return run lengths where the annotation has them; else the region, for polygons or box."""
    value = annotation.get("segmentation")
    return parse_run_lengths(value) if isinstance(value, dict) else region


def _draw(outlines: Sequence[Truth | Rle], size: Size) -> Mask:
    lengths = [outline for outline in outlines if isinstance(outline, Rle)]
    regions = [outline for outline in outlines if isinstance(outline, Truth)]
    boxes = [region.box for region in regions if not region.polygons]
    polygons = [polygon for region in regions for polygon in region.polygons]
    filled = fill_boxes(boxes, [1.0] * len(boxes), size) > 0
    return np.asarray(
        draw_run_lengths(lengths, size) | draw_polygons(polygons, size) | filled, dtype=bool
    )


def _list_files(path: Path) -> dict[str, Path]:
    """Return the JSON files by split."""
    if path.is_file():
        return {path.stem: path}
    if found := sorted((path / "annotations").glob("*.json")):
        return {file.stem: file for file in found}
    single = next((path / name for name in _NAMES if (path / name).is_file()), None)
    if single is None:
        found = sorted(path.glob("*.json"))
        single = found[0] if len(found) == 1 else None
    return {} if single is None else {single.stem: single}


def _find_pictures(path: Path) -> Path:
    base = path if path.is_dir() else path.parent
    return base / "images" if (base / "images").is_dir() else base


def splits(path: Path) -> list[str]:
    """Return the names of the files in ``annotations`` if there are several."""
    files = list(_list_files(path))
    return files if len(files) > 1 else []


def matches(path: Path) -> bool:
    """Return whether the first JSON file has COCO's lists."""
    files = list(_list_files(path).values())
    if not files or files[0].suffix != ".json":
        return False
    try:
        content = read_json(files[0], dict)
    except FactoryError:
        return False
    return {"images", "annotations"} <= content.keys()


FORM = Form(
    "a folder of pictures with COCO's JSON, also our export of it",
    "annotations/<split>.json and images/, or one JSON file beside its pictures",
    matches,
    read,
    splits,
)
