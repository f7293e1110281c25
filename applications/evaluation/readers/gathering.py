"""Gather the entries of a label file: each becomes an example or a named problem."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from applications.evaluation.example import Example, LabelledSet, Problem
from applications.evaluation.readers.files import BadLabel

T = TypeVar("T")


def gather(
    entries: Iterable[tuple[str, T]],
    convert: Callable[[str, T], Example | Problem],
    others: Iterable[Problem] = (),
) -> LabelledSet:
    """Convert entries; one that cannot be used is named and costs no other.

    Args:
        entries: key, unique in the set, and what the label file says.
        convert: makes an example of both, or says what is wrong; may raise `BadLabel`.
        others: further problems, evaluated after the entries.
    """
    examples: dict[str, Example] = {}
    problems: list[Problem] = []
    for key, entry in entries:
        try:
            found = convert(key, entry)
        except BadLabel as error:
            found = Problem("bad label", key, str(error))
        if isinstance(found, Problem):
            problems.append(found)
        elif key in examples:
            problems.append(Problem("bad label", key, "is labelled twice: the first label is used"))
        else:
            examples[key] = found
    return LabelledSet(tuple(examples.values()), (*problems, *others))
