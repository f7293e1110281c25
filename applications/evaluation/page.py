"""A page of the pictures that an inspector was most wrong about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined
from PIL import Image as Pillow

from applications.evaluation.columns import make_columns
from applications.evaluation.evaluation import Evaluation
from applications.evaluation.inspecting import open_picture
from applications.evaluation.report import list_lines, list_tables
from applications.evaluation.rows import Row
from applications.protocols import Inspector, Thresholds
from stages.records.images import Image

TEMPLATE = Path(__file__).with_name("page.html")
SIDE = 720
"""Longest side of the page's pictures in pixels."""
PICTURES = "pictures"
_FOUND = (213, 94, 0)
_TITLES = ("missed flaws", "false alarms", "flaws found in the wrong place", "no finding")


@dataclass(frozen=True)
class Shown:
    """A picture of the page."""

    file: str
    row: Row
    found: Sequence[Sequence[float]]
    """Found boxes at the region threshold, as x, y, width and height in shares of the picture."""
    truth: Sequence[Sequence[float]]
    iou: float


@dataclass(frozen=True)
class Section:
    """The worst pictures of one kind for one inspector."""

    inspector: str
    title: str
    total: int
    """Number of such pictures; the worst are shown."""
    shown: Sequence[Shown]


def write_page(
    evaluation: Evaluation, inspectors: Mapping[str, Inspector], folder: Path, count: int
) -> None:
    """Write ``index.html`` and its pictures into an empty folder; it needs no network.

    Args:
        evaluation: what to show, for the inspectors that were asked for.
        inspectors: they by name; those that give masks are asked for them again.
        folder: the folder.
        count: pictures a section, at most.
    """
    (folder / PICTURES).mkdir()
    sections = [
        _make_section(evaluation, name, inspectors[name], title, chosen, count, folder)
        for name in evaluation.asked
        for title, chosen in find_worst(
            evaluation.rows[name], evaluation.results[name].thresholds
        ).items()
    ]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=evaluation.set.describe(),
        lines=list(list_lines(evaluation)),
        problems=evaluation.problems,
        tables=[table for table in list_tables(evaluation) if table.rows],
        sections=[section for section in sections if section.total],
    )
    (folder / "index.html").write_text(text, encoding="utf-8", errors="replace")


def find_worst(rows: Sequence[Row], thresholds: Thresholds) -> dict[str, list[tuple[Row, float]]]:
    """Return the wrong rows of each section with their foreground IoU, the worst first."""
    columns = make_columns(rows, thresholds)
    numbered = list(enumerate(rows))
    missed = [n for n, row in numbered if columns.flawed[n] and not columns.says_yes[n]]
    alarms = [n for n, row in numbered if columns.clean[n] and columns.says_yes[n]]
    misplaced = [
        n
        for n, row in numbered
        if columns.localised[n] and columns.says_yes[n] and columns.foreground_iou[n] < 0.5
    ]
    failed = [n for n, row in numbered if row.failure]
    answered = {n for n, row in numbered if not row.failure}
    orders = (
        sorted(set(missed) & answered, key=lambda n: rows[n].probability),
        sorted(set(alarms) & answered, key=lambda n: -rows[n].probability),
        sorted(set(misplaced) & answered, key=lambda n: columns.foreground_iou[n]),
        failed,
    )
    return {
        title: [(rows[n], float(columns.foreground_iou[n])) for n in order]
        for title, order in zip(_TITLES, orders, strict=True)
    }


def _make_section(
    evaluation: Evaluation,
    name: str,
    inspector: Inspector,
    title: str,
    chosen: Sequence[tuple[Row, float]],
    count: int,
    folder: Path,
) -> Section:
    thresholds = evaluation.results[name].thresholds
    place = evaluation.asked.index(name), _TITLES.index(title)
    shown = []
    for number, (row, iou) in enumerate(chosen[:count]):
        file = f"{PICTURES}/{place[0]}-{place[1]}-{number:03}.jpg"
        pixels = open_picture(row.example)
        if row.has_mask:
            pixels = _outline_mask(pixels, inspector, thresholds.pixel)
        _save(pixels, folder / file)
        kept = row.boxes[row.scores >= thresholds.region]
        shown.append(Shown(file, row, [*_shares(kept, row)], [*_shares(row.truth, row)], iou))
    return Section(name, title, len(chosen), shown)


def _outline_mask(pixels: Image, inspector: Inspector, threshold: float) -> Image:
    mask = inspector.inspect(pixels).mask
    if mask is None:
        return pixels
    marked = (mask >= threshold).astype(np.uint8)
    outlines, _ = cv2.findContours(marked, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    width = max(1, round(max(pixels.shape[:2]) / 300))
    return np.asarray(cv2.drawContours(pixels.copy(), outlines, -1, _FOUND, width), dtype=np.uint8)


def _save(pixels: Image, path: Path) -> None:
    picture = Pillow.fromarray(pixels)
    picture.thumbnail((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    picture.save(path, "JPEG", quality=88)


def _shares(boxes: np.ndarray, row: Row) -> Iterator[list[float]]:
    width, height = row.size
    for x0, y0, x1, y1 in boxes.tolist():
        yield [x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height]
