"""ArtiBench as ArtiAgent's evaluator reads it, and our export of that form.

``metadata.json``, a list of ``{id, has_artifacts, artifacts, bboxes, explanation}``, beside
``images/<id>.png``; in an export in a folder a split. Boxes are in pixels: ``bboxes`` if there is
one, else ``target_bbox``, ``bbox`` or ``bbox_2d`` of each artifact.

The annotation server's own files hold shares of 0..1 instead; a file whose boxes all look like that
is refused, because nothing else tells the two apart.
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
    parse_object,
    parse_text,
    read_json,
)
from applications.evaluation.readers.form import Form, Request
from applications.evaluation.readers.gathering import gather
from stages.engine.workspace import FactoryError

METADATA = "metadata.json"
IMAGES = "images"
_BOXES = ("target_bbox", "bbox", "bbox_2d")
_KINDS = {"addition": "add", "removal": "remove", "distortion": "distort", "fusion": "fuse"}


def read(request: Request) -> LabelledSet:
    """Read the metadata of one split or of all.

    Raises:
        FactoryError: there is no metadata, or its boxes are shares of 0..1.
    """
    if (request.path / METADATA).is_file():
        folders = {"": request.path}
    else:
        names = [request.split] if request.split else splits(request.path)
        folders = {name: request.path / name for name in names}
    examples, problems = list[Example](), list[Problem]()
    for split, folder in folders.items():
        found = _read_folder(folder, split, request.pictures or folder / IMAGES)
        examples += found.examples
        problems += found.problems
    return LabelledSet(tuple(examples), tuple(problems))


def _read_folder(folder: Path, split: str, images: Path) -> LabelledSet:
    entries = read_json(folder / METADATA, list)
    pictures = Pictures(images)
    _refuse_shares(entries, folder / METADATA)
    prefix = f"{split}/" if split else ""
    return gather(
        (
            (f"{prefix}{entry.get('id') if isinstance(entry, dict) else number}", entry)
            for number, entry in enumerate(entries)
        ),
        lambda key, entry: _convert(key, parse_object(entry, "the entry"), split, pictures.find),
        pictures.unlabelled(),
    )


def _convert(
    key: str, entry: dict[str, Any], split: str, find: Callable[[object], Any]
) -> Example | Problem:
    name, flawed = entry.get("id"), entry.get("has_artifacts")
    if not isinstance(name, str | int) or not isinstance(flawed, bool):
        raise BadLabel("`id` or `has_artifacts` is missing")
    picture = find(f"{name}.png")
    if isinstance(picture, Problem):
        return picture
    return Example(
        key=key,
        read=picture,
        label="flawed" if flawed else "clean",
        role="generated",
        regions=tuple(_regions(entry)) if flawed else (),
        text=parse_text(entry.get("explanation") or entry.get("caption")),
        split=split,
    )


def _regions(entry: dict[str, Any]) -> Iterator[Truth]:
    artifacts = [
        parse_object(a, "an artifact") for a in parse_list(entry.get("artifacts"), "artifacts")
    ]
    if boxes := parse_list(entry.get("bboxes"), "bboxes"):
        # The two lists name the same flaws if they have the same length.
        known = artifacts if len(artifacts) == len(boxes) else [{}] * len(boxes)
        pairs = list(zip(boxes, known, strict=True))
    else:
        pairs = [(_box_of(artifact), artifact) for artifact in artifacts]
    for box, artifact in pairs:
        kind = parse_text(artifact.get("category") or artifact.get("artifact_type")).lower()
        text = parse_text(artifact.get("caption") or artifact.get("explanation"))
        yield Truth(parse_box(box), text, _KINDS.get(kind, kind))


def _box_of(artifact: dict[str, Any]) -> object:
    found = next((artifact[name] for name in _BOXES if artifact.get(name)), None)
    if found is None:
        raise BadLabel("an artifact has no box")
    return found


def _refuse_shares(entries: list[Any], path: Path) -> None:
    """Raise FactoryError if no box of the file is larger than the unit square."""
    sides = []
    for entry in entries:
        try:
            sides += [max(region.box) for region in _regions(parse_object(entry, "the entry"))]
        except BadLabel:
            continue
    if sides and max(sides) <= 1:
        raise FactoryError(
            f"{path}: no box reaches beyond 1, so they look like shares of the picture; this form "
            "has pixels: multiply them by width and height"
        )


def matches(path: Path) -> bool:
    """Return whether a folder has the metadata and pictures of this form."""
    return bool(splits(path)) or _is_set(path)


def _is_set(path: Path) -> bool:
    return (path / METADATA).is_file() and (path / IMAGES).is_dir()


def splits(path: Path) -> list[str]:
    """Return the names of the folders of this form in a folder."""
    if not path.is_dir() or _is_set(path):
        return []
    return sorted(folder.name for folder in path.iterdir() if _is_set(folder))


FORM = Form(
    "ArtiBench's folder form, also our export of it",
    f"{METADATA} and {IMAGES}/<id>.png, or folders of both named after splits",
    matches,
    read,
    splits,
)
