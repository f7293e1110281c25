"""Decode a crop of an image as if the whole image had been decoded, and only as far as needed.

An AutoencoderKL's decoder is local except for its GroupNorms, which normalise with statistics of
the whole image, and the attention of its mid block. The statistics are recorded while the control
is decoded and applied again to the flaws' crops, which differ from the control in their targets
only. Convolutions reach a few pixels of their own resolution, so the pixels around a flaw that the
first blocks need are left out of the last ones, where they cost most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

Region = tuple[int, int, int, int]
"""Top, left, bottom and right (exclusive) in pixels."""

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
def trim_blocks(decoder: Any, size: tuple[int, int], wanted: Region) -> Iterator[Region]:
    """Make the decoder's up blocks compute only what the `wanted` region of its output depends on.

    Args:
        decoder: the decoder of an AutoencoderKL.
        size: height and width of its input.
        wanted: region of its output, in pixels.

    Yields:
        The region of the output that the trimmed decoder returns; `wanted` is inside it.
    """
    blocks = list(decoder.up_blocks)
    needed: list[Region] = []
    region = _grow(wanted, 1)  # conv_out
    for block in reversed(blocks):
        if block.upsamplers:
            top, left, bottom, right = _grow(region, 1)
            region = top // 2, left // 2, -(-bottom // 2), -(-right // 2)
        region = _grow(region, 2 * len(block.resnets))
        needed.append(region)
    hooks: list[Any] = []
    present: Region = (0, 0, *size)
    for block, region in zip(blocks, reversed(needed), strict=True):
        kept = _intersect(present, region)
        hooks.append(block.register_forward_pre_hook(_cutter(kept, present)))
        present = _double(kept) if block.upsamplers else kept
    try:
        yield present
    finally:
        for hook in hooks:
            hook.remove()


def _cutter(kept: Region, present: Region) -> Callable[[nn.Module, tuple[Any, ...]], Any]:
    """Return a hook that cuts `kept` out of a block's input, which is the region `present`."""
    (top, left, bottom, right), (y, x, _, _) = kept, present

    def cut(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return inputs[0][..., top - y : bottom - y, left - x : right - x], *inputs[1:]

    return cut


def _grow(region: Region, by: int) -> Region:
    top, left, bottom, right = region
    return top - by, left - by, bottom + by, right + by


def _double(region: Region) -> Region:
    top, left, bottom, right = region
    return 2 * top, 2 * left, 2 * bottom, 2 * right


def _intersect(a: Region, b: Region) -> Region:
    return max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])


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
