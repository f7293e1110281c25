"""Decoding a piece of a picture as if the whole had been decoded.

An AutoencoderKL's decoder is local but for its GroupNorms, whose statistics are the whole
picture's. They are recorded while the control is decoded and used again for the flaws' crops,
which differ from the control in their targets only.
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
def recording(decoder: nn.Module) -> Iterator[Statistics]:
    """Within, the decoder's GroupNorms note their statistics (batches of one)."""
    found: Statistics = []

    def forward(norm: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
        if x.ndim == 3 or not x.is_cpu:
            # The middle block's attention transposes; only the CPU's kernel takes channels last.
            x = x.contiguous()
        out, mean, rstd = torch.native_group_norm(
            x, norm.weight, norm.bias, 1, x.shape[1], x[0, 0].numel(), norm.num_groups, norm.eps
        )
        found.append((mean, rstd))
        return out

    with _norms(decoder, forward):
        yield found


@contextmanager
def replaying(decoder: nn.Module, statistics: Statistics) -> Iterator[None]:
    """Within, the decoder's GroupNorms use these statistics instead of their input's."""
    left = iter(statistics)

    def forward(norm: nn.GroupNorm, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[1] // norm.num_groups
        mean, rstd = (part[0].repeat_interleave(size) for part in next(left))
        scale = norm.weight * rstd
        shift = norm.bias - mean * scale
        shape = (-1, *[1] * (x.ndim - 2))
        return torch.addcmul(shift.to(x.dtype).view(shape), x, scale.to(x.dtype).view(shape))

    with _norms(decoder, forward):
        yield


@contextmanager
def _norms(
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
