"""The compact inspector's loss: pixels, cells, crops, tools, and the order of scores."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from applications.inspectors.compact.network import CELL, STRIDE, Maps, pooled_evidence

IGNORED = -1
"""Tool of a pixel that has none."""


def compute_loss(maps: Maps, labels: Tensor) -> Tensor:
    """Compute the mean loss of a batch.

    Args:
        maps: logits of N crops.
        labels: (N, H, W) uint8: 0, or 1 + the tool's index.
    """
    flawed = (labels > 0).float()[:, None]
    share = functional.avg_pool2d(flawed, STRIDE)[:, 0]
    target = (share > 0.5).float()
    cells = functional.avg_pool2d(flawed, CELL)[:, 0]
    is_flawed = flawed.flatten(1).any(1).float()
    pixels = _focal(maps.mask, target) + _dice(maps.mask, target, is_flawed)
    # A cell that a flaw only touches teaches nothing.
    certain = ((cells == 0) | (cells > 0.1)).float()
    by_cell = functional.binary_cross_entropy_with_logits(
        maps.evidence, (cells > 0.1).float(), weight=certain
    )
    score = pooled_evidence(maps.evidence)
    by_crop = functional.binary_cross_entropy_with_logits(score, is_flawed)
    return (
        pixels
        + by_cell
        + 0.5 * by_crop
        + _order(score, is_flawed)
        + 0.2 * _tools(maps.tools, labels)
    )


def _focal(logits: Tensor, target: Tensor, gamma: float = 2.0) -> Tensor:
    """Focal loss (Lin et al. 2017), summed, per flawed pixel."""
    plain = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    wrong = (logits.sigmoid() - target).abs()
    return (wrong**gamma * plain).sum() / target.sum().clamp(min=100.0)


def _dice(logits: Tensor, target: Tensor, is_flawed: Tensor) -> Tensor:
    """Dice loss, the mean over flawed crops."""
    found = logits.sigmoid()
    both = (found * target).flatten(1).sum(1)
    total = (found + target).flatten(1).sum(1)
    return ((1 - (2 * both + 1) / (total + 1)) * is_flawed).sum() / is_flawed.sum().clamp(min=1)


def _order(score: Tensor, is_flawed: Tensor) -> Tensor:
    """Bradley-Terry: each flawed crop scores higher than each clean one, of its triplet or not.

    The share of such pairs in the right order is the AUROC.
    """
    pair = is_flawed[:, None] > is_flawed[None]
    difference = score[:, None] - score[None]
    return (functional.softplus(-difference) * pair).sum() / pair.sum().clamp(min=1)


def _tools(logits: Tensor, labels: Tensor) -> Tensor:
    small = labels[:, STRIDE // 2 :: STRIDE, STRIDE // 2 :: STRIDE].long() - 1
    if not bool((small >= 0).any()):
        return logits.sum() * 0.0
    return functional.cross_entropy(logits, small, ignore_index=IGNORED)
