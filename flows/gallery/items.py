"""What the page shows: a packaged pair, or a variant that the filter refused."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from stages.records.documents import Box

Row = Mapping[str, Any]
LPIPS = ("lpips_control", "lpips_real", "lpips")
"""Scores that the page shows as a flaw's LPIPS: the first that it has."""
PROBABILITY = "probability"
"""Score of the compact judge: the probability that a person calls the flaw right."""
REVIEW = "review"
"""Value of ``verdict_by`` where a person decided."""
_SCORE = "score."


@dataclass(frozen=True)
class Flaw:
    """One flaw of an item."""

    id: str
    """The variant."""
    label: str
    tool: str
    kernel: str
    entity: str
    part: str
    other: str
    positional: bool
    judge: str
    text: str
    box: Box
    """Bounds of the visible flaw, in pixels of the picture."""
    area: float
    """Share of the picture that the visible flaw covers, 0..1."""
    scores: Mapping[str, float]
    pixels: str
    """sha256 of the flaw's pixels as inject rendered them, to which a reviewer's mark belongs;
    empty if inject's output is not here."""
    judge_verdict: str = ""
    """What the judge found where a person's verdict decided: ``ok`` or a reject code; otherwise
    empty."""

    @property
    def lpips(self) -> float:
        """Its LPIPS; NaN if it has none."""
        return next((self.scores[name] for name in LPIPS if name in self.scores), math.nan)

    @property
    def probability(self) -> float:
        """The judge's probability; NaN if it gives none."""
        return self.scores.get(PROBABILITY, math.nan)


@dataclass(frozen=True)
class Item:
    """A pair or a refused variant, complete but for its pictures."""

    id: str
    photo: str
    """Key of the photo."""
    flaws: list[Flaw]
    width: int
    height: int
    box: Box
    """Bounds of the visible flaws."""
    region: Box
    """What the strip shows."""
    pictures: tuple[str, str]
    """Names of the photo's picture and of the pair's (see `images.name_of`)."""
    reason: str = ""
    """Reject code; empty for a pair."""
    message: str = ""
    split: str = ""
    licence: str = ""
    origin: str = ""
    creator: str = ""
    title: str = ""
    file: str = ""
    overall: str = ""
    clean: str = ""
    author: str = ""
    caption: str = ""
    taken_out: int = 0

    @property
    def accepted(self) -> bool:
        """Whether it is a packaged pair."""
        return not self.reason

    def words(self) -> str:
        """Return the text in which a search looks, in lower case."""
        parts = [self.id, self.file, self.licence, self.reason, self.message, self.overall]
        for flaw in self.flaws:
            parts += [flaw.label, flaw.tool, flaw.kernel, flaw.entity, flaw.part, flaw.other]
            parts.append(flaw.text)
        return "\n".join(dict.fromkeys(filter(None, parts))).lower()


def flaw_of_row(row: Row, box: Box, pixels: str) -> Flaw:
    """Make a flaw from its row of the packaged manifest."""
    names = ("label", "tool", "kernel", "entity", "part", "other", "judge", "text")
    scores = {name.removeprefix(_SCORE): row[name] for name in row if name.startswith(_SCORE)}
    return Flaw(
        id=row["variant"],
        **{name: row[name] for name in names},
        positional=row["positional"],
        box=box,
        area=row["mask_pixels"] / (row["width"] * row["height"]),
        scores=finite_scores(scores.items()),
        pixels=pixels,
        judge_verdict=judge_verdict(row),
    )


def judge_verdict(row: Row) -> str:
    """Return what the judge found, from a row or evidence in which a person's verdict decided."""
    return row.get("judge_verdict") or "" if row.get("verdict_by") == REVIEW else ""


def finite_scores(scores: Iterable[tuple[str, Any]]) -> dict[str, float]:
    """Return the scores that are finite numbers, by name."""
    return {
        name: float(value)
        for name, value in sorted(scores)
        if isinstance(value, int | float) and math.isfinite(value)
    }
