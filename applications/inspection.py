"""Inspect files: find the pictures, read them safely, and put each finding into plain values."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from applications.pictures import MAX_FILE_BYTES, decode, read_file
from applications.protocols import Finding, Inspector
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import FactoryError
from stages.ingest.walk import ACCEPTED, Walk
from stages.records.images import Image


@dataclass(frozen=True)
class Inspected:
    """A file with what was found, or why it could not be inspected."""

    path: Path
    picture: Image | None = None
    """(H, W, 3) uint8 sRGB; None if the file is no picture."""
    finding: Finding | None = None
    problem: str = ""


def list_pictures(paths: Sequence[Path]) -> list[Path]:
    """Return the files among `paths`, and the pictures in the folders among them.

    Raises:
        FactoryError: a path does not exist, or a folder holds no picture.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = [file for file, _ in Walk(path)]  # a folder that cannot be read fails later
            if not inside:
                raise FactoryError(f"{path} holds no picture ({', '.join(sorted(ACCEPTED))})")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise FactoryError(f"{path} does not exist")
    return found


def inspect_files(paths: Iterable[Path], inspector: Inspector) -> Iterator[Inspected]:
    """Inspect files one by one; a file that cannot be inspected is named and does not stop it."""
    for path in paths:
        try:
            picture = decode(read_file(path, MAX_FILE_BYTES))
        except ValueError as error:
            yield Inspected(path, problem=f"not inspected: {error}")
            continue
        try:
            yield Inspected(path, picture, inspector.inspect(picture))
        except RejectPhoto as error:
            yield Inspected(path, picture, problem=error.message)


def to_json(inspected: Inspected, inspector: Inspector) -> dict[str, Any]:
    """Return the finding as plain values; boxes are half-open, in pixels of the picture."""
    record: dict[str, Any] = {"file": str(inspected.path), "inspector": inspector.name}
    if inspected.finding is None or inspected.picture is None:
        return {**record, "problem": inspected.problem}
    height, width = inspected.picture.shape[:2]
    finding = inspected.finding
    return {
        **record,
        "width": width,
        "height": height,
        "flawed": finding.probability >= inspector.thresholds.picture,
        "probability": round(finding.probability, 4),
        "regions": [
            {
                "box": [round(value, 1) for value in region.box],
                "score": round(region.score, 4),
                "tool": region.tool,
                "text": region.text,
            }
            for region in inspector.thresholds.select_regions(finding)
        ],
        "text": finding.text,
    }
