"""Run inspectors over a set: every picture is read and decoded once for all of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import groupby

from applications.evaluation.example import Example, Problem
from applications.evaluation.released.measures import measure, measure_failure
from applications.evaluation.rows import Failure, Row, make_failed_row, make_row
from applications.evaluation.truth import Picture, fit
from applications.pictures import decode
from applications.protocols import Inspector, Thresholds
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import CURRENT_PHOTO, CURRENT_STAGE
from stages.records.images import Image

LEDGER_STAGE = "evaluate"
"""Stage under which calls to models stand in the ledger."""


@dataclass
class Inspected:
    """The findings about a set."""

    rows: dict[str, list[Row]]
    """Name of the inspector to its rows, in the order of the set."""
    problems: list[Problem] = field(default_factory=list)
    """Pictures and annotations that could not be used."""


def inspect_set(
    examples: Sequence[Example],
    inspectors: Mapping[str, Inspector],
    thresholds: Mapping[str, Thresholds] | None = None,
    with_released: bool = False,
    workers: int = 1,
    report: Callable[[int], None] = lambda done: None,
) -> Inspected:
    """Inspect the pictures of a set.

    Args:
        examples: the set.
        inspectors: by the name of their rows.
        thresholds: by the same names; needed only by the released definitions. Default: the
            inspectors' own.
        with_released: also measure as ArtiAgent's evaluators do.
        workers: pictures that are inspected at once, for inspectors that wait for an endpoint.
        report: receives the number of pictures done.

    Raises:
        FactoryError: an inspector cannot go on (budget, key, address).
    """
    chosen = thresholds or {name: inspector.thresholds for name, inspector in inspectors.items()}

    def work(example: Example) -> tuple[dict[str, Row], list[Problem]]:
        opened, problems = _open(example)
        if opened is None:
            return {}, problems
        picture, pixels = opened
        rows = {
            name: _inspect(inspector, picture, pixels, chosen[name], with_released)
            for name, inspector in inspectors.items()
        }
        return rows, problems

    found = Inspected({name: [] for name in inspectors})
    done = 0
    with _ledger_stage(), ThreadPoolExecutor(workers) as pool:
        # Answers are stored with the key of their photo, which the whole process shares: pictures
        # of two of our photos are never inspected at once.
        for photo, members in groupby(examples, key=lambda example: example.photo):
            with _environment(CURRENT_PHOTO, photo):
                for rows, problems in pool.map(work, members):
                    found.problems += problems
                    for name, row in rows.items():
                        found.rows[name].append(row)
                    done += 1
                    report(done)
    return found


def open_picture(example: Example) -> Image:
    """Read and decode an example's picture.

    Raises:
        ValueError: it cannot be read or decoded.
    """
    try:
        return decode(example.read())
    except OSError as error:
        raise ValueError(str(error)) from error


def _open(example: Example) -> tuple[tuple[Picture, Image] | None, list[Problem]]:
    try:
        pixels = open_picture(example)
    except ValueError as error:
        return None, [Problem("unreadable picture", example.key, str(error))]
    try:
        picture, problems = fit(example, (pixels.shape[1], pixels.shape[0]))
    except ValueError as error:
        return None, [Problem("wrong size", example.key, str(error))]
    return (picture, pixels), problems


def _inspect(
    inspector: Inspector,
    picture: Picture,
    pixels: Image,
    thresholds: Thresholds,
    with_released: bool,
) -> Row:
    try:
        finding = inspector.inspect(pixels)
    except RejectPhoto as error:
        answers = error.evidence.get("answers") or [""]
        failure = Failure(str(error.code), error.message, str(answers[-1]))
        row = make_failed_row(picture, failure)
        measures = measure_failure(picture, failure.answer) if with_released else None
    else:
        row = make_row(picture, finding)
        measures = measure(picture, finding, thresholds) if with_released else None
    return replace(row, released=measures)


@contextmanager
def _ledger_stage() -> Iterator[None]:
    with _environment(CURRENT_STAGE, LEDGER_STAGE):
        yield


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set an environment variable in the block; an empty value removes it."""
    before = os.environ.pop(name, None)
    try:
        if value:
            os.environ[name] = value
        yield
    finally:
        os.environ.pop(name, None)
        if before is not None:
            os.environ[name] = before
