"""Kinds of arguments that several commands take."""

from __future__ import annotations

from pathlib import Path

import typer


def folder(text: str) -> Path:
    """A folder; an empty word, such as a variable that is not set, is not the current one.

    Raises:
        typer.BadParameter: the word is empty.
    """
    if not text.strip():
        raise typer.BadParameter("an empty word names no folder; for this one write .")
    return Path(text)
