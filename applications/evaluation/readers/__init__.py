"""Read labelled sets: one file a form, one line each here."""

from __future__ import annotations

from importlib import import_module

from applications.evaluation.readers.form import Form

READERS: dict[str, str] = {
    "shards": "applications.evaluation.readers.shards",
}
"""Name of the form to the module that defines it as ``FORM``. The first that matches is taken."""


def load_form(name: str) -> Form:
    """Return a form of `READERS`."""
    return import_module(READERS[name]).FORM
