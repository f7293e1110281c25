"""Parsers of arguments that several commands take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from stages.ingest.buckets.address import SourceLocation, parse_source
from stages.ingest.buckets.mirror import Mirror

Wait = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="MINUTES",
        help="Minutes to wait for another build or a DVC command; default: as long as it takes.",
    ),
]


def parse_sources(texts: Iterable[str]) -> list[SourceLocation]:
    """Parse the folders, lists of URLs and prefixes of buckets that a command is given.

    Raises:
        typer.BadParameter: an argument is empty (an unset variable), which is not the current
            folder.
        FactoryError: a URL is not ``s3://BUCKET/PREFIX``.
    """
    return [_parse(text) for text in texts]


def parse_photo(text: str) -> str:
    """Return a photo's key, or its path in the source list, also for one that is given by its
    address in a bucket."""
    return Mirror.listed_name(text)


def _parse(text: str) -> SourceLocation:
    if not text.strip():
        raise typer.BadParameter("an empty argument names no folder; for the current one write .")
    return parse_source(text)
