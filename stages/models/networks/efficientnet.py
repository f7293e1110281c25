"""EfficientNet-Lite0 (Tan and Le 2019; the Lite variant has ReLU6 and no squeeze-excitation).

The attribute names are those of the pinned checkpoint, so that its state dict loads strictly.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from torch import nn

from stages.models.protocols import Image
from stages.models.weights import packages

# expansion, output channels, repeats, first stride, kernel (table 1 of the paper, B0 column)
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    """Inverted residual block: expand, depthwise convolution, project."""

    def __init__(
        self, in_channels: int, out_channels: int, expansion: int, stride: int, kernel: int
    ) -> None:
        super().__init__()
        wide = in_channels * expansion
        self.residual = stride == 1 and in_channels == out_channels
        if expansion != 1:
            self._expand_conv = nn.Conv2d(in_channels, wide, 1, bias=False)
            self._bn0 = _norm(wide)
        self._depthwise_conv = nn.Conv2d(
            wide, wide, kernel, stride, kernel // 2, groups=wide, bias=False
        )
        self._bn1 = _norm(wide)
        self._project_conv = nn.Conv2d(wide, out_channels, 1, bias=False)
        self._bn2 = _norm(out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, in_channels, H, W) to (N, out_channels, H / stride, W / stride)."""
        y = x
        if hasattr(self, "_expand_conv"):
            y = nn.functional.relu6(self._bn0(self._expand_conv(y)))
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The network with its ImageNet head."""

    def __init__(self) -> None:
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = _norm(32)
        blocks: list[Block] = []
        channels = 32
        for expansion, width, repeats, stride, kernel in _STAGES:
            for repeat in range(repeats):
                step = stride if repeat == 0 else 1
                blocks.append(Block(channels, width, expansion, step, kernel))
                channels = width
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(channels, 1280, 1, bias=False)
        self._bn1 = _norm(1280)
        self._fc = nn.Linear(1280, 1000)

    def features(self, x: torch.Tensor, after: tuple[int, ...]) -> list[torch.Tensor]:
        """Return the outputs of the blocks in `after` (ascending); later blocks are not computed.

        Blocks 0-15 end at stride 2, 4 (from 1), 8 (from 3), 16 (from 5), 32 (from 11).
        """
        out: list[torch.Tensor] = []
        x = nn.functional.relu6(self._bn0(self._conv_stem(x)))
        for index, block in enumerate(self._blocks[: max(after) + 1]):
            x = block(x)
            if index in after:
                out.append(x)
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Map (N, 3, H, W) to (N, 1000) logits."""
        (x,) = self.features(x, (len(self._blocks) - 1,))
        x = nn.functional.relu6(self._bn1(self._conv_head(x)))
        return self._fc(x.mean((2, 3)))


def load() -> EfficientNetLite0:
    """Load the network with its pinned weights, for inference.

    Raises:
        WeightsError: the weights are missing or damaged.
    """
    data = io.BytesIO(packages.read("efficientnet-lite0", "efficientnet-lite0.pth"))
    network = EfficientNetLite0()
    network.load_state_dict(torch.load(data, map_location="cpu", weights_only=True), strict=True)
    return network.eval().requires_grad_(False)


def to_tensor(image: Image) -> torch.Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W), normalised as in training: (x - 127) / 128."""
    return (torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None] - 127.0) / 128.0
