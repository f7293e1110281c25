"""Decode a crop of an image as if the whole image had been decoded.

An AutoencoderKL's decoder is local except for its GroupNorms, which normalise with statistics of
the whole image. They are recorded while the control is decoded and applied again to the flaws'
crops, which differ from the control in their targets only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Statistics = list[tuple[torch.Tensor, torch.Tensor]]
"""Mean and reciprocal standard deviation, (1, groups) each, of every GroupNorm in call order."""


@contextmanager
def record_statistics(decoder: nn.Module) -> Iterator[Statistics]:
    """Make the decoder's GroupNorms record their statistics inside the context (batches of one)."""
    found: Statistics = []

    def forward(norm: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 3 or not x.is_cpu:
            # The mid block's attention transposes; only the CPU kernel accepts channels last.
            x = x.contiguous()
        out, mean, rstd = torch.native_group_norm(
            x, norm.weight, norm.bias, 1, x.shape[1], x[0, 0].numel(), norm.num_groups, norm.eps
        )
        found.append((mean, rstd))
        return out

    with _patch_norms(decoder, forward):
        yield found


@contextmanager
def apply_statistics(decoder: nn.Module, statistics: Statistics) -> Iterator[None]:
    """Make the decoder's GroupNorms use `statistics` instead of their input's in the context."""
    remaining = iter(statistics)

    def forward(norm: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[1] // norm.num_groups
        mean, rstd = (part[0].repeat_interleave(size) for part in next(remaining))
        scale = norm.weight * rstd
        shift = norm.bias - mean * scale
        shape = (-1, *[1] * (x.ndim - 2))
        return torch.addcmul(shift.to(x.dtype).view(shape), x, scale.to(x.dtype).view(shape))

    with _patch_norms(decoder, forward):
        yield


@contextmanager
def _patch_norms(
    decoder: nn.Module, forward: Callable[[nn.GroupNorm, torch.Tensor], torch.Tensor]
) -> Iterator[None]:
    norms: list[Any] = [m for m in decoder.modules() if isinstance(m, nn.GroupNorm)]
    for norm in norms:
        norm.forward = forward.__get__(norm)
    try:
        yield
    finally:
        for norm in norms:
            del norm.forward
