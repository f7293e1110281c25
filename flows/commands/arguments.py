"""Parsers of arguments that several commands take."""

from __future__ import annotations

from pathlib import Path

import typer


def parse_folder(text: str) -> Path:
    """Parse a folder; reject an empty argument (an unset variable) instead of taking it for ``.``.

    Raises:
        typer.BadParameter: the argument is empty.
    """
    if not text.strip():
        raise typer.BadParameter("an empty argument names no folder; for the current one write .")
    return Path(text)
