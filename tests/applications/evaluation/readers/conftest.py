"""Read a set and look its examples up by key."""

from pathlib import Path

import pytest

from applications.evaluation.example import LabelledSet
from applications.evaluation.readers import load_form
from applications.evaluation.readers.form import Request


@pytest.fixture
def read():
    def run(form: str, path: Path, split: str = "", pictures: Path | None = None) -> LabelledSet:
        return load_form(form).read(Request(path, split, pictures))

    return run


@pytest.fixture
def kinds():
    def run(found: LabelledSet) -> list[tuple[str, str]]:
        return [(problem.kind, problem.where) for problem in found.problems]

    return run
