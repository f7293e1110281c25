"""Appearance of each latent token of a window, from the middle layers of EfficientNet-Lite0.

Layers at stride 4 tell textures and colours of a patch from its neighbours'. Deeper layers look at
ever more of the window: on stand-in renderings they told distorted parts from noise no better than
chance, these two without a fault.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from stages.engine.record import TOKEN
from stages.models import fetch
from stages.models.protocols import Image

Features = NDArray[np.float32]
BLOCKS = (1, 2)
"""Blocks read: 24 channels each at stride 4."""


class TokenFeatures:
    """A feature vector a token."""

    def __init__(self) -> None:
        """Loads the network.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        from stages.models import efficientnet

        self.network = efficientnet.load()

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights."""
        return fetch.revision("efficientnet-lite0")

    def tokens(self, window: Image) -> Features:
        """(H, W, 3) uint8 at the model's size to (H / 16, W / 16, 48) features.

        Raises:
            ValueError: a side is not a multiple of 16.
        """
        import torch
        from torch.nn.functional import avg_pool2d

        from stages.models import efficientnet

        height, width = window.shape[:2]
        if height % TOKEN or width % TOKEN:
            raise ValueError(f"sides must be multiples of {TOKEN}, not {width} x {height}")
        with torch.inference_mode():
            layers = self.network.features(efficientnet.to_tensor(window), BLOCKS)
            pooled = [avg_pool2d(x, x.shape[2] * TOKEN // height) for x in layers]
        return torch.cat(pooled, dim=1)[0].permute(1, 2, 0).contiguous().numpy()


def standardise(features: Features, reference: Features) -> Features:
    """Each channel by mean and spread over `reference`, then unit length at each token.

    Without this, the channels all pictures share make every two patches look alike.
    """
    flat = reference.reshape(-1, reference.shape[-1])
    scaled = (features - flat.mean(0)) / (flat.std(0) + 1e-3)
    return scaled / (np.linalg.norm(scaled, axis=-1, keepdims=True) + 1e-6)
