"""Image classifier: EfficientNet-Lite0 with the 1,000 ImageNet classes."""

from __future__ import annotations

import numpy as np

from stages.models.networks import torchvision_import
from stages.models.protocols import Image
from stages.models.weights import packages

SIDE = 224
"""Side of the input in pixels."""
_MIDDLE = 10
"""Number of the last block of stride 16."""


class ImageNetClassifier:
    """Classifies images and returns features."""

    def __init__(self) -> None:
        """Load the network.

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
        """Return a digest of the weights."""
        return packages.revision("efficientnet-lite0")

    def probabilities(self, image: Image) -> np.ndarray:
        """Return class probabilities, (1000,) float64, of (H, W, 3) uint8 resized to a square."""
        import torch
        from PIL import Image as Pillow

        from stages.models.networks import efficientnet

        square = Pillow.fromarray(image).resize((SIDE, SIDE), Pillow.Resampling.BICUBIC)
        with torch.inference_mode():
            logits = self.network(efficientnet.to_tensor(np.asarray(square)))[0]
        return logits.double().softmax(0).numpy()

    def features(self, image: Image) -> np.ndarray:
        """Return the last features of stride 16, (112, 28, 28) float32, of (H, W, 3) uint8.

        The image is resized to a square with twice the side of the classifier's input.
        """
        import cv2
        import torch

        from stages.models.networks import efficientnet

        square = cv2.resize(image, (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_AREA)
        with torch.inference_mode():
            x = efficientnet.to_tensor(np.asarray(square, np.uint8))
            return self.network.features(x, (_MIDDLE,))[0][0].numpy()

    def classify(self, image: Image, top: int = 5) -> list[tuple[int, str, float]]:
        """Return the `top` most probable classes as (ImageNet index, name, probability)."""
        scores = self.probabilities(image)
        order = np.argsort(-scores, kind="stable")[:top]
        return [(int(i), self.names[i], float(scores[i])) for i in order]
