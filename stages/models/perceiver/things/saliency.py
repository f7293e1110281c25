"""Saliency maps: U²-Net (Qin et al. 2020, arXiv 2005.09007), run by OpenCV's DNN module.

The output bits do not depend on the number of threads, because OpenCV splits over output elements
only.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.models.weights import packages
from stages.records.images import Image

Array = NDArray[np.float32]

NAME = "u2net"
"""Name in ``weights.toml``."""
SIDE = 320
"""Side of input and output in pixels."""
_FUSED = "1959"
"""Name of the output d0, which fuses the six side outputs."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class Saliency:
    """Salient object detection network."""

    def __init__(self) -> None:
        """Load the network.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        content = np.frombuffer(packages.read(NAME, "u2net.onnx"), np.uint8)
        self._network = cv2.dnn.readNetFromONNX(content)

    def __call__(self, image: Image) -> Array:
        """Compute the saliency, (320, 320) in 0..1, of (H, W, 3) uint8 resized to a square.

        The map is stretched to the full range (`stretch`).
        """
        self._network.setInput(to_blob(image))
        return stretch(np.asarray(self._network.forward(_FUSED)[0, 0], np.float32))


def to_blob(image: Image) -> Array:
    """Convert (H, W, 3) uint8 to (1, 3, 320, 320), as the authors' ``ToTensorLab``.

    Values are divided by the maximum, then normalised by ImageNet's mean and standard deviation.
    """
    from PIL import Image as Pillow

    small = Pillow.fromarray(image).resize((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    values = np.asarray(small, np.float32)
    values = (values / max(float(values.max()), 1.0) - _MEAN) / _STD
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def stretch(values: Array) -> Array:
    """Map the minimum to 0 and the maximum to 1 (the authors' ``normPRED``); constant maps to 0."""
    low, span = float(values.min()), float(np.ptp(values))
    return (values - low) / span if span > 1e-6 else np.zeros_like(values)
