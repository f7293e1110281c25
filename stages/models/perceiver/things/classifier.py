"""Names what a picture shows: EfficientNet-Lite0's 1,000 ImageNet classes."""

from __future__ import annotations

import numpy as np

from stages.models.networks import torchvision_import
from stages.models.protocols import Image
from stages.models.weights import packages

SIDE = 224
"""Input side in pixels."""
_MIDDLE = 10
"""The last block of stride 16."""


class ImageNetClassifier:
    """Top classes of a picture."""

    def __init__(self) -> None:
        """Loads the network.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        from stages.models.networks import efficientnet

        torchvision_import.prepare()
        from torchvision.models import AlexNet_Weights

        self.network = efficientnet.load()
        self.names: list[str] = AlexNet_Weights.IMAGENET1K_V1.meta["categories"]

    @classmethod
    def revision(cls) -> str:
        """Digest of the weights."""
        return packages.revision("efficientnet-lite0")

    def probabilities(self, image: Image) -> np.ndarray:
        """(H, W, 3) uint8, squeezed to a square, to (1000,) float64 probabilities."""
        import torch
        from PIL import Image as Pillow

        from stages.models.networks import efficientnet

        square = Pillow.fromarray(image).resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)
        with torch.inference_mode():
            logits = self.network(efficientnet.to_tensor(np.asarray(square)))[0]
        return logits.double().softmax(0).numpy()

    def features(self, image: Image) -> np.ndarray:
        """(H, W, 3) uint8, squeezed to a square of twice the classifier's own side, to
        (112, 28, 28) float32: the last features of stride 16."""
        import cv2
        import torch

        from stages.models.networks import efficientnet

        square = cv2.resize(image, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            x = efficientnet.to_tensor(np.asarray(square, np.uint8))
            return self.network.features(x, (_MIDDLE,))[0][0].numpy()

    def classify(self, image: Image, top: int = 5) -> list[tuple[int, str, float]]:
        """The `top` likeliest classes as (ImageNet index, name, probability), best first."""
        scores = self.probabilities(image)
        order = np.argsort(-scores, kind="stable")[:top]
        return [(int(i), self.names[i], float(scores[i])) for i in order]
