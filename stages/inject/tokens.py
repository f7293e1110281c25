"""Apply a variant's mapping to the latent grid (algorithm sections 2 and 4)."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from stages.records.masks import Mask
from stages.records.source_index import Index

Edges = tuple[int, int, int, int]
"""Top, left, bottom and right (exclusive) of a box, in the order of slices."""


def find_repeats(index: Index) -> Mask:
    """Return the targets whose reference an earlier target already uses, (N,) bool."""
    moved = index != np.arange(len(index))
    again = np.ones(len(index), dtype=bool)
    again[np.flatnonzero(moved)[np.unique(index[moved], return_index=True)[1]]] = False
    return again & moved


def grow(targets: Mask, margin: int) -> Mask:
    """Return the active tokens, (rows, columns): targets and all tokens within `margin` of them
    (Chebyshev distance)."""
    side = 2 * margin + 1
    return cv2.dilate(targets.astype(np.uint8), np.ones((side, side), np.uint8)).astype(bool)


def halo_box(active: Mask, halo: int) -> Edges:
    """Return the edges of the box around the active tokens and `halo` tokens around them, clipped
    to the grid."""
    rows, columns = np.nonzero(active)
    return (
        max(0, int(rows.min()) - halo),
        max(0, int(columns.min()) - halo),
        min(active.shape[0], int(rows.max()) + 1 + halo),
        min(active.shape[1], int(columns.max()) + 1 + halo),
    )


def start_latent(
    photo: torch.Tensor,
    inverted: torch.Tensor,
    t: float,
    index: Index,
    rho: torch.Tensor,
    noise: torch.Tensor,
) -> torch.Tensor:
    """Gather the start latent, (N, 64) (algorithm section 4).

    On the targets z = (1 - t) x0[s] + t (sqrt(1 - rho^2) n[s] + rho eps), elsewhere the inversion's
    latent. n is the noise that the inverted latent implies, n = (z_t - (1 - t) x0) / t. At t = 1 it
    is z_T; for t < 1 the inversion need not run from t to 1.

    Args:
        photo: x0, (N, 64).
        inverted: z_t of the inversion, (N, 64).
        t: start time in (0, 1].
        index: (N,) source index.
        rho: (N, 1) share of fresh noise in [0, 1].
        noise: eps, (N, 64), standard normal.
    """
    gather = torch.from_numpy(index)
    implied = (inverted - (1 - t) * photo) / t
    mixed = (1 - rho.square()).sqrt() * implied[gather] + rho * noise
    moved = (gather != torch.arange(len(index)))[:, None]
    return torch.where(moved, (1 - t) * photo[gather] + t * mixed, inverted)
