"""Make conversations from pairs: five tasks, with as many clean as flawed pictures in each."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from flows.exports.chat.targets import TARGETS, Target, find_size, write_box
from flows.exports.options import Options
from flows.exports.pictures import (
    Picture,
    Region,
    clean_picture,
    fit,
    flawed_picture,
    resize,
)
from flows.exports.samples import Sample
from stages.engine.workspace import FactoryError
from stages.package.pair import PublishedPair
from stages.records.documents import Box
from stages.records.seeding import seed_for

QUESTIONS = Path(__file__).with_name("questions.toml")
IMAGE = "<image>"
"""Placeholder of a picture in a question."""


@dataclass(frozen=True)
class Conversation:
    """One question with its answer about one or two pictures."""

    id: str
    """``<pair>-<kind of picture>:<task>``, for a region with its number."""
    task: str
    split: str
    pictures: tuple[Picture, ...]
    """At the size in which the model sees them."""
    question: str
    """With one `IMAGE` per picture, in order; boxes in the target's convention."""
    answer: Any
    """JSON."""
    record: PublishedPair
    regions: tuple[tuple[str, Box, int], ...] = field(default=())
    """Label, box in pixels and number of the picture, for every box in the text, in order."""

    @property
    def text(self) -> str:
        """The answer as one line of JSON."""
        return json.dumps(self.answer, ensure_ascii=False)


@cache
def load_questions() -> dict[str, Any]:
    """Read the versioned templates."""
    return tomllib.loads(QUESTIONS.read_text(encoding="utf-8"))


def find_target(options: Options) -> tuple[Target, int]:
    """Return the target of the options and its limit on pixels.

    Raises:
        FactoryError: there is no such target.
    """
    if options.target not in TARGETS:
        raise FactoryError(
            f"{options.target or 'no target'}: name the model family with --target, one of "
            f"{', '.join(TARGETS)}"
        )
    target = TARGETS[options.target]
    return target, options.max_pixels or target.max_pixels


def make_conversations(samples: Iterable[Sample], options: Options) -> Iterator[Conversation]:
    """Yield the conversations of each pair, in the order of the tasks.

    The clean picture of a photo's first pair is the photo, that of the others their control: each
    clean picture occurs once, and a model cannot answer by the autoencoder's traces. Without
    controls it is always the photo.
    """
    target, max_pixels = find_target(options)
    photo = ""
    for sample in samples:
        control = options.control and sample.record.photo == photo
        photo = sample.record.photo
        clean, flawed = (
            _prepare(picture, options, target, max_pixels)
            for picture in (
                clean_picture(sample, "control" if control else "real"),
                flawed_picture(sample),
            )
        )
        yield from _ask_about_pair(sample.record, clean, flawed, target)


def _prepare(picture: Picture, options: Options, target: Target, max_pixels: int) -> Picture:
    picture = fit(picture, options.max_side)
    try:
        return resize(picture, find_size(*picture.size, target, max_pixels))
    except ValueError as error:
        raise FactoryError(f"{picture.name}: {error}") from error


def _ask_about_pair(
    record: PublishedPair, clean: Picture, flawed: Picture, target: Target
) -> Iterator[Conversation]:
    for picture in (clean, flawed):
        yield _ask("detection", record, (picture,), {"flawed": bool(picture.regions)})
    for picture in (clean, flawed):
        answer, regions = _list_boxes(picture, target)
        yield _ask("localisation", record, (picture,), answer, regions)
    for number, region in enumerate(flawed.regions):
        place = str(write_box(region.box, flawed.size, target))
        answer = {"explanation": region.text}
        regions = ((region.label, region.box, 0),)
        yield _ask(f"region-{number}", record, (flawed,), answer, regions, region=place)
    for picture in (clean, flawed):
        words = record.explanation
        text = words.overall if picture.regions else words.clean
        answer = {"flawed": bool(picture.regions), "explanation": text}
        yield _ask("overall", record, (picture,), answer)
    second = seed_for(0, record.pair, "order") % 2
    pictures = (clean, flawed) if second else (flawed, clean)
    answer, regions = _list_boxes(flawed, target, second)
    comparison = {
        "flawed_picture": second + 1,
        "flaws": answer,
        "explanation": record.explanation.overall,
    }
    yield _ask("pair", record, pictures, comparison, regions)


def _list_boxes(
    picture: Picture, target: Target, number: int = 0
) -> tuple[list[dict[str, Any]], tuple[tuple[str, Box, int], ...]]:
    def describe(region: Region) -> dict[str, Any]:
        return {"bbox_2d": write_box(region.box, picture.size, target), "label": region.label}

    regions = tuple((region.label, region.box, number) for region in picture.regions)
    return [describe(region) for region in picture.regions], regions


def _ask(
    name: str,
    record: PublishedPair,
    pictures: tuple[Picture, ...],
    answer: Any,
    regions: tuple[tuple[str, Box, int], ...] = (),
    **slots: str,
) -> Conversation:
    task = name.split("-")[0]
    templates = load_questions()[task]
    wordings = templates["questions"]
    key = f"{record.pair}-{pictures[0].kind}" if len(pictures) == 1 else record.pair
    words = wordings[seed_for(0, key, name) % len(wordings)]
    for slot, value in slots.items():
        words = words.replace(f"{{{slot}}}", value)
    return Conversation(
        id=f"{key}:{name}",
        task=task,
        split=record.split,
        pictures=pictures,
        question=f"{IMAGE * len(pictures)}{words} {templates['format']}",
        answer=answer,
        record=record,
        regions=regions,
    )
