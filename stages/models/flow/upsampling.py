"""Upsample and convolve in one step.

An AutoencoderKL's upsamplers double the sides by repeating pixels, then convolve with 3 x 3. Of the
nine pixels that the convolution reads, five are copies. A transposed convolution with stride 2
computes the same from the four different ones, with a 4 x 4 kernel of sums of the same weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

_SUMS = torch.tensor([[0.0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
"""(4, 3): the weights of a 3-tap kernel that each tap of the transposed kernel sums."""


def replace_upsamplers(decoder: Any) -> None:
    """Replace the upsamplers of an AutoencoderKL's decoder; less than half of their time on a
    CPU."""
    for block in decoder.up_blocks:
        for number, upsampler in enumerate(block.upsamplers or ()):
            block.upsamplers[number] = transpose_convolution(upsampler.conv)


def transpose_convolution(convolution: nn.Conv2d) -> nn.ConvTranspose2d:
    """Return the transposed convolution that equals doubling the sides, then `convolution`."""
    weight = convolution.weight
    sums = _SUMS.to(weight.device, weight.dtype)
    channels, out_channels = convolution.in_channels, convolution.out_channels
    out = nn.ConvTranspose2d(channels, out_channels, 4, stride=2, padding=1, device="meta")
    out.weight = nn.Parameter(torch.einsum("ay,oiyx,bx->ioab", sums, weight, sums), False)
    out.bias = convolution.bias
    return out
