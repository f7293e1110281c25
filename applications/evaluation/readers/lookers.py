"""A folder of generated pictures that two lookers labelled independently.

``labels.json``: a list of ``{file, generator, width, height, lookers: [{flawed: yes | no | unsure,
severity: 0..3, boxes: [{box: [x0, y0, x1, y1], what}]}]}`` beside the pictures.

A picture is flawed if a looker says yes and none says no, clean if one says no and none says yes,
and unknown otherwise. Boxes of the lookers that overlap by an IoU of 0.5 are one region with their
mean box; the others count too, since two lookers see different flaws of one picture. ``severity``
is the higher of their two; clean pictures have none, so that each severity is measured against all
of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from applications.evaluation.example import Example, Label, LabelledSet, Problem, Truth
from applications.evaluation.metrics.boxes import MATCH, as_boxes, box_ious
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

LABELS = "labels.json"
_ANSWERS = frozenset({"yes", "no", "unsure"})


def read(request: Request) -> LabelledSet:
    """Read the labels.

    Raises:
        FactoryError: they are missing or no JSON list.
    """
    entries = read_json(request.path / LABELS, list)
    pictures = Pictures(request.pictures or request.path)
    return gather(
        (
            (str(entry.get("file", n)) if isinstance(entry, dict) else str(n), entry)
            for n, entry in enumerate(entries)
        ),
        lambda key, entry: _convert(key, parse_object(entry, "the entry"), pictures.find),
        pictures.unlabelled(),
    )


def _convert(key: str, entry: dict[str, Any], find: Callable[[object], Any]) -> Example | Problem:
    picture = find(entry.get("file"))
    if isinstance(picture, Problem):
        return picture
    lookers = [parse_object(a, "a looker") for a in parse_list(entry.get("lookers"), "lookers")]
    answers = {parse_text(looker.get("flawed")) for looker in lookers}
    if not answers or answers - _ANSWERS:
        raise BadLabel(f"`flawed` must be one of {', '.join(sorted(_ANSWERS))}")
    label = _label(answers)
    width, height = parse_numbers([entry.get("width"), entry.get("height")], 2)
    severity = max(parse_numbers([looker.get("severity") for looker in lookers]))
    facts = {"generator": parse_text(entry.get("generator"))}
    if label == "flawed":
        facts["severity"] = f"{severity:.0f}"
    return Example(
        key=key,
        read=picture,
        label=label,
        role="generated",
        size=(int(width), int(height)),
        regions=merge([_regions(looker) for looker in lookers]) if label == "flawed" else (),
        facts=facts,
    )


def _label(answers: set[str]) -> Label:
    if "yes" in answers:
        return "unknown" if "no" in answers else "flawed"
    return "clean" if "no" in answers else "unknown"


def _regions(looker: dict[str, Any]) -> list[Truth]:
    boxes = [parse_object(b, "a box") for b in parse_list(looker.get("boxes"), "boxes")]
    return [Truth(parse_box(box.get("box")), parse_text(box.get("what"))) for box in boxes]


def merge(seen: Sequence[Sequence[Truth]]) -> tuple[Truth, ...]:
    """Merge the regions of several lookers: matched one to one, at an IoU of at least `MATCH`."""
    merged: list[Truth] = []
    for regions in seen:
        ious = box_ious(as_boxes([r.box for r in regions]), as_boxes([m.box for m in merged]))
        rows, columns = linear_sum_assignment(np.where(ious >= MATCH, ious, 0), maximize=True)
        pairs = {
            int(row): int(column)
            for row, column in zip(rows, columns, strict=True)
            if ious[row, column] >= MATCH
        }
        added = []
        for number, region in enumerate(regions):
            if number in pairs:
                merged[pairs[number]] = _mean(merged[pairs[number]], region)
            else:
                added.append(region)
        merged += added
    return tuple(merged)


def _mean(first: Truth, second: Truth) -> Truth:
    x0, y0, x1, y1 = ((a + b) / 2 for a, b in zip(first.box, second.box, strict=True))
    return Truth((x0, y0, x1, y1), "; ".join(filter(None, (first.text, second.text))))


def matches(path: Path) -> bool:
    """Return whether a folder has the labels, by their name."""
    return (path / LABELS).is_file()


FORM = Form(
    "generated pictures labelled by two lookers",
    f"{LABELS} beside the pictures",
    matches,
    read,
)
