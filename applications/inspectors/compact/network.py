"""The compact inspector's network: an ImageNet backbone, a feature pyramid and dense heads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from torch import Tensor, nn

from stages.models.networks.efficientnet import EfficientNetLite0

TAPS = (2, 4, 10, 15)
"""Blocks of the backbone whose outputs the pyramid takes: strides 4, 8, 16 and 32."""

CHANNELS = (24, 40, 112, 320)
"""Their channels."""

FROZEN_BLOCKS = 3
"""The stem and this many blocks keep their ImageNet weights: they are the dearest to train."""

STRIDE = 4
"""Pixels per cell of the mask and tool logits."""

CELL = 16
"""Pixels per cell of the evidence."""


@dataclass(frozen=True)
class Maps:
    """Logits of a batch of pictures of H x W pixels (multiples of 32)."""

    mask: Tensor
    """(N, H / 4, W / 4): this pixel belongs to a flaw."""
    tools: Tensor
    """(N, tools, H / 4, W / 4): which tool made the flaw here."""
    evidence: Tensor
    """(N, H / 16, W / 16): a flaw is visible in this cell."""


class Separable(nn.Module):
    """Depthwise 3 x 3 convolution, pointwise convolution, GroupNorm, ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False)
        self.pointwise = nn.Conv2d(width, width, 1, bias=False)
        self.norm = nn.GroupNorm(8, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, width, H, W) to the same shape."""
        return nn.functional.relu(self.norm(self.pointwise(self.depthwise(x))))


class InspectorNetwork(nn.Module):
    """Maps pictures to dense logits; fully convolutional, so that crops train it."""

    def __init__(self, backbone: EfficientNetLite0, tools: int, width: int = 96) -> None:
        super().__init__()
        self.backbone = backbone
        for name in ("_conv_head", "_bn1", "_fc"):  # the classifier's
            setattr(backbone, name, nn.Identity())
        self.lateral = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in CHANNELS)
        self.context = nn.Linear(width, width)
        self.smooth = nn.ModuleList(Separable(width) for _ in CHANNELS)
        self.mask_head = nn.Sequential(Separable(width), nn.Conv2d(width, 1 + tools, 1))
        self.evidence_head = nn.Sequential(Separable(width), nn.Conv2d(width, 1, 1))
        bias = cast("Tensor", cast("nn.Conv2d", self.mask_head[1]).bias)
        nn.init.constant_(bias[:1], -4.0)  # few pixels are flawed: begin near that share

    def forward(self, x: Tensor) -> Maps:
        """Map (N, 3, H, W), normalised as the backbone expects, to logits."""
        taps = self.backbone.features(x, TAPS)
        top = self.lateral[-1](taps[-1])
        top = top + self.context(top.mean((2, 3)))[:, :, None, None]
        levels = [self.smooth[-1](top)]
        for index in range(len(CHANNELS) - 2, -1, -1):
            above = nn.functional.interpolate(levels[0], scale_factor=2.0, mode="nearest")
            levels.insert(0, self.smooth[index](self.lateral[index](taps[index]) + above))
        dense = self.mask_head(levels[0])
        evidence = self.evidence_head(levels[2])
        return Maps(dense[:, 0], dense[:, 1:], evidence[:, 0])

    def train(self, mode: bool = True) -> InspectorNetwork:
        """Set training mode; the backbone's batch norms keep ImageNet's statistics."""
        super().train(mode)
        for module in self.backbone.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


def freeze_early_blocks(network: InspectorNetwork) -> None:
    """Exclude the blocks that keep their ImageNet weights from training."""
    backbone = network.backbone
    for module in (backbone._conv_stem, backbone._bn0, *backbone._blocks[:FROZEN_BLOCKS]):
        module.requires_grad_(False)


def pooled_evidence(evidence: Tensor, count: int = 3) -> Tensor:
    """Return the mean of the `count` highest cells: (N, h, w) to (N,)."""
    return evidence.flatten(1).topk(count).values.mean(1)
