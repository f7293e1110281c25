"""Compare the judge's verdicts with people's, and people's with one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score

from flows.reviews.judged import JudgedFlaw
from stages.filter.reviews import Opinion
from stages.records.seeding import generator
from stages.tools import TOOLS

ALL = "all"
RESAMPLES, BATCH = 2000, 50
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Share:
    """A share with its 95 % interval (Wilson)."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        """The share; None of nothing."""
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Minimum and maximum; None of nothing."""
        if not self.total:
            return None
        found = binomtest(self.hits, self.total).proportion_ci(method="wilson")
        return float(found.low), float(found.high)

    def __str__(self) -> str:
        if (value := self.value) is None or (band := self.interval) is None:
            return "none"
        return f"{value:.0%} ({band[0]:.0%} to {band[1]:.0%})"


@dataclass(frozen=True)
class Kappa:
    """Cohen's kappa with its 95 % interval from resampling photos."""

    value: float | None
    """None where it is not defined: all verdicts of both sides are the same."""
    interval: tuple[float, float] | None

    def __str__(self) -> str:
        if self.value is None or self.interval is None:
            return "undefined"
        return f"{self.value:.2f} ({self.interval[0]:.2f} to {self.interval[1]:.2f})"


@dataclass(frozen=True)
class Agreement:
    """Judge against people on the flaws of one tool, or on all."""

    tool: str
    flaws: int
    accepted: int
    """By people."""
    kept: int
    """By the judge."""
    precision: Share
    """Of what the judge keeps, the share that people accept."""
    recall: Share
    """Of what people accept, the share that the judge keeps."""
    kappa: Kappa


@dataclass(frozen=True)
class Pair:
    """Two reviewers on the flaws that both marked."""

    reviewers: tuple[str, str]
    same: Share
    kappa: Kappa


def compute_kappa(first: Flags, second: Flags, photos: Sequence[str]) -> Kappa:
    """Compute kappa of two sides' verdicts.

    Args:
        first: (n,) verdicts of one side.
        second: (n,) those of the other.
        photos: (n,) keys of the flaws' photos; flaws of a photo are not independent.
    """
    if len({*first.tolist(), *second.tolist()}) < 2:
        return Kappa(None, None)
    value = float(cohen_kappa_score(first, second))
    names, place = np.unique(np.array(photos), return_inverse=True)
    cells = np.zeros((len(names), 2, 2))
    np.add.at(cells, (place, first.astype(int), second.astype(int)), 1)
    draw, even = generator(0, "kappa"), np.full(len(names), 1 / len(names))
    tables = [
        np.tensordot(draw.multinomial(len(names), even, size=BATCH), cells, axes=1)
        for _ in range(RESAMPLES // BATCH)
    ]
    found = _kappas(np.concatenate(tables))
    found = found[~np.isnan(found)]
    low, high = np.percentile(found, [2.5, 97.5]) if len(found) else (value, value)
    return Kappa(value, (float(low), float(high)))


def _kappas(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute kappa of (m, 2, 2) tables of counts; NaN where it is not defined."""
    shares = tables / tables.sum(axis=(1, 2), keepdims=True)
    same = shares[:, 0, 0] + shares[:, 1, 1]
    chance = (shares.sum(axis=1) * shares.sum(axis=2)).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(chance < 1, (same - chance) / (1 - chance), np.nan)


def compare_with_people(
    flaws: Sequence[JudgedFlaw], opinions: Mapping[str, Opinion]
) -> list[Agreement]:
    """Compare by tool and for all; flaws without a mark, or with as many accepts as rejects, do
    not count."""
    decided = [
        (flaw, opinions[flaw.pixels_sha256].verdict == "accept")
        for flaw in flaws
        if flaw.pixels_sha256 in opinions and opinions[flaw.pixels_sha256].verdict
    ]
    found = []
    for tool in (*TOOLS, ALL):
        part = [(flaw, accepted) for flaw, accepted in decided if tool in (ALL, flaw.tool)]
        if not part:
            continue
        kept = np.array([flaw.kept for flaw, _ in part])
        accepted = np.array([accepted for _, accepted in part])
        both = int((kept & accepted).sum())
        found.append(
            Agreement(
                tool=tool,
                flaws=len(part),
                accepted=int(accepted.sum()),
                kept=int(kept.sum()),
                precision=Share(both, int(kept.sum())),
                recall=Share(both, int(accepted.sum())),
                kappa=compute_kappa(kept, accepted, [flaw.photo for flaw, _ in part]),
            )
        )
    return found


def compare_reviewers(opinions: Mapping[str, Opinion], photos: Mapping[str, str]) -> list[Pair]:
    """Compare every two reviewers who marked the same flaws.

    Args:
        opinions: digest of a flaw's pixels to what people say.
        photos: digest to the key of the flaw's photo.
    """
    votes: dict[str, dict[str, bool]] = {}
    for digest, opinion in opinions.items():
        for who in opinion.accepted_by:
            votes.setdefault(who, {})[digest] = True
        for who in opinion.rejected_by:
            votes.setdefault(who, {})[digest] = False
    found = []
    for first, second in combinations(sorted(votes), 2):
        both = sorted(votes[first].keys() & votes[second].keys())
        if both:
            a, b = (np.array([votes[who][digest] for digest in both]) for who in (first, second))
            kappa = compute_kappa(a, b, [photos.get(digest, digest) for digest in both])
            found.append(Pair((first, second), Share(int((a == b).sum()), len(both)), kappa))
    return found


def share_json(share: Share) -> dict[str, object]:
    """Return a share as JSON."""
    return {
        "hits": share.hits, "total": share.total, "value": share.value,
        "interval": list(share.interval) if share.interval else None,
    }  # fmt: skip


def kappa_json(kappa: Kappa) -> dict[str, object]:
    """Return kappa as JSON."""
    return {"value": kappa.value, "interval": list(kappa.interval) if kappa.interval else None}
