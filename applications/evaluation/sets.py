"""Open a labelled set: find its form, choose its split, read its labels."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from applications.evaluation.example import Example, LabelledSet
from applications.evaluation.readers import detect_form, load_form
from applications.evaluation.readers.form import Request
from stages.engine.workspace import FactoryError

ALL = "all"
"""Name for every split of a set."""
_TEST, _VALIDATION = ("test",), ("validation", "val", "dev")


@dataclass(frozen=True)
class OpenSet:
    """A set whose labels were read."""

    path: Path
    form: str
    split: str
    """Empty: the form has no splits, or all were read."""
    content: LabelledSet

    @property
    def examples(self) -> tuple[Example, ...]:
        """Its labelled pictures, at least one."""
        return tuple(e for e in self.content.examples if e.label != "unknown")

    @property
    def unknown(self) -> int:
        """Number of its pictures of unknown label. They are not inspected: nothing could be said
        about the answers, and a model behind an endpoint costs money."""
        return sum(example.label == "unknown" for example in self.content.examples)

    def describe(self) -> str:
        """Return path, form and split in a few words."""
        split = f", split {self.split}" if self.split else ""
        return f"{self.path} ({self.form}{split})"


def open_set(
    path: Path,
    form: str = "",
    split: str = "",
    pictures: Path | None = None,
    for_validation: bool = False,
) -> OpenSet:
    """Read the labels of a set.

    Args:
        path: the folder or file.
        form: a key of `READERS`; empty: the form is detected.
        split: name of a split, or ``all``. Empty: the split made for the purpose (``test``, or
            ``validation``) if the set has it, else all.
        pictures: folder of the pictures where it is not the set's own.
        for_validation: whether thresholds are chosen on it.

    Raises:
        FactoryError: no such form or split, another layout, damaged labels, or no usable picture.
    """
    form = form or detect_form(path)
    reader = load_form(form)
    if not path.exists():
        raise FactoryError(f"{path} does not exist")
    known = reader.splits(path)
    if not split:
        made_for_it = _VALIDATION if for_validation else _TEST
        split = next((name for name in made_for_it if name in known), ALL)
    elif split != ALL and split not in known:
        there = f"it has {', '.join(known)}" if known else f"the form {form} has none"
        raise FactoryError(f"{path} has no split {split!r}: {there}")
    split = "" if split == ALL else split
    found = OpenSet(path, form, split, reader.read(Request(path, split, pictures)))
    if not found.examples:
        raise FactoryError(_describe_emptiness(found, reader.layout))
    return found


def _describe_emptiness(found: OpenSet, layout: str) -> str:
    problems = found.content.problems
    if found.unknown:
        return f"{found.describe()}: all {found.unknown} pictures are of unknown label"
    if not problems:
        return f"{found.describe()} is empty: {layout} was expected"
    kinds = Counter(problem.kind for problem in problems)
    counts = ", ".join(f"{count} x {kind}" for kind, count in kinds.most_common())
    return (
        f"{found.describe()} has no usable picture: {counts}; the first: {problems[0]}. "
        "--pictures names the folder of the pictures if it is another one"
    )
