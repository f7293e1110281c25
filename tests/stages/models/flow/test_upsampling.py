"""The transposed convolution that replaces an upsampler."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.upsampling import Upsample2D
from rounding import assert_equal_but_for_rounding

from stages.models.flow.upsampling import transpose_convolution


@pytest.mark.parametrize(("channels", "out"), [(4, 4), (6, 3)])
def test_it_equals_doubling_the_sides_and_convolving(channels, out):
    torch.manual_seed(0)
    upsampler = Upsample2D(channels, use_conv=True, out_channels=out)
    x = torch.randn(2, channels, 5, 7).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        expected = upsampler(x)
        found = transpose_convolution(upsampler.conv)(x)  # pyright: ignore[reportArgumentType]
    assert found.shape == (2, out, 10, 14)
    assert_equal_but_for_rounding(found, expected)
