"""Read labelled sets: one file a form, one line each here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from applications.evaluation.readers.form import Form
from stages.engine.workspace import FactoryError

_HERE = __name__
READERS: dict[str, str] = {
    "shards": f"{_HERE}.shards",
    "artibench": f"{_HERE}.artibench",
    "richhf": f"{_HERE}.richhf",
    "loki": f"{_HERE}.loki",
    "synthscars": f"{_HERE}.synthscars",
    "x-aigd": f"{_HERE}.xaigd",
    "had": f"{_HERE}.had",
    "lookers": f"{_HERE}.lookers",
    "coco": f"{_HERE}.coco",
}
"""Name of the form to the module that defines it as ``FORM``. The first that matches is taken."""


def load_form(name: str) -> Form:
    """Return a form of `READERS`.

    Raises:
        FactoryError: there is no such form.
    """
    if name not in READERS:
        raise FactoryError(f"no form {name!r}: choose one of {', '.join(READERS)}")
    return import_module(READERS[name]).FORM


def detect_form(path: Path) -> str:
    """Return the name of the first form that a path looks like.

    Raises:
        FactoryError: the path does not exist, or looks like none.
    """
    if not path.exists():
        raise FactoryError(f"{path} does not exist")
    for name in READERS:
        if load_form(name).matches(path):
            return name
    layouts = "\n".join(f"  {name}: {load_form(name).layout}" for name in READERS)
    raise FactoryError(f"{path} looks like none of these forms (--form names one):\n{layouts}")
