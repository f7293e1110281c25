"""Texture features of each latent token of a window, from early layers of EfficientNet-Lite0.

Layers at stride 4 distinguish a patch from its neighbours; deeper layers see more of the window.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.models.protocols import Image
from stages.models.weights import packages
from stages.records.documents import TOKEN

Features = NDArray[np.float32]
BLOCKS = (1, 2)
"""Blocks used, with 24 channels each at stride 4."""


class TokenFeatures:
    """Computes one feature vector per token."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        from stages.models.networks import efficientnet

        self.network = efficientnet.load()

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights."""
        return packages.revision("efficientnet-lite0")

    def tokens(self, window: Image) -> Features:
        """Compute (H / 16, W / 16, 48) features of `BLOCKS` from (H, W, 3) uint8.

        The window has the model's size.

        Raises:
            ValueError: a side is not a multiple of 16.
        """
        return np.concatenate(self.layers(window, BLOCKS), axis=2)

    def layers(self, window: Image, blocks: tuple[int, ...]) -> list[Features]:
        """Compute one (H / 16, W / 16, d) array per block, ascending, from (H, W, 3) uint8.

        Raises:
            ValueError: a side is not a multiple of 16.
        """
        import torch
        from torch.nn.functional import avg_pool2d

        from stages.models.networks import efficientnet

        height, width = window.shape[:2]
        if height % TOKEN or width % TOKEN:
            raise ValueError(f"sides must be multiples of {TOKEN}, not {width} x {height}")
        with torch.inference_mode():
            found = self.network.features(efficientnet.to_tensor(window), blocks)
            pooled = [avg_pool2d(x, x.shape[2] * TOKEN // height) for x in found]
        return [x[0].permute(1, 2, 0).contiguous().numpy() for x in pooled]
