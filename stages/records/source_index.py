"""A mapping's pairs of tokens as one integer vector over a window's tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
"""(N,) for every token of a window the token from which it takes its appearance."""


class TokenPairs(Protocol):
    """What maps tokens: a variant, or the pairs that a kernel draws."""

    @property
    def targets(self) -> Sequence[int] | Index:
        """Token indices that change."""
        ...

    @property
    def references(self) -> Sequence[int] | Index:
        """As many: where each target takes its appearance from."""
        ...


def source_index(pairs: TokenPairs, grid: tuple[int, int]) -> Index:
    """Where each token takes its appearance from; identity where nothing changes.

    Args:
        pairs: the mapping.
        grid: rows and columns of the window.

    Raises:
        ValueError: the mapping is empty, names a target twice, or does not fit the grid.
    """
    targets = np.asarray(pairs.targets, dtype=np.int64)
    references = np.asarray(pairs.references, dtype=np.int64)
    distinct = len(np.unique(targets))
    if not len(targets) or len(targets) != len(references) or distinct != len(targets):
        raise ValueError(
            f"{len(targets)} targets ({distinct} different) and "
            f"{len(references)} references do not make a mapping"
        )
    both = np.concatenate([targets, references])
    tokens = grid[0] * grid[1]
    if both.min() < 0 or both.max() >= tokens:
        raise ValueError(
            f"token indices {both.min()}..{both.max()} do not fit a grid of {grid[0]} x {grid[1]}"
        )
    index = np.arange(tokens, dtype=np.int64)
    index[targets] = references
    return index
