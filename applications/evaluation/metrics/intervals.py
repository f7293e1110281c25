"""95 % intervals by the bootstrap over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVEL = 0.95


@dataclass(frozen=True)
class Score:
    """A metric with its interval."""

    value: float | None
    """None: undefined, see `why`."""
    low: float | None = None
    high: float | None = None
    pictures: int = 0
    """Number of pictures it is measured on."""
    why: str = ""
    """Why it is undefined; empty if it is defined."""


def draw_weights(groups: Sequence[str], resamples: int, seed: int) -> Floats:
    """Draw how often each picture counts.

    Pictures of one group (those of one photo) are drawn together, because they resemble one
    another: drawn apart they would make intervals too narrow.

    Returns:
        (1 + resamples, n): first every picture once, then the resamples.
    """
    names, place = np.unique(np.asarray(groups, dtype=object).astype(str), return_inverse=True)
    if not len(names):
        return np.zeros((1 + resamples, 0))
    share = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), share, size=resamples)
    return np.vstack([np.ones(len(groups)), drawn[:, place].astype(np.float64)])


def make_score(values: Floats, pictures: int, why: str) -> Score:
    """Make a score of a value and its resamples.

    Args:
        values: (1 + resamples,): the value, then those of the resamples; NaN where undefined.
        pictures: number of pictures it is measured on.
        why: why it is undefined if it is.
    """
    if np.isnan(values[0]):
        return Score(None, pictures=pictures, why=why)
    defined = values[1:][~np.isnan(values[1:])]
    if not len(defined):
        return Score(float(values[0]), pictures=pictures)
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Score(float(values[0]), float(low), float(high), pictures)
