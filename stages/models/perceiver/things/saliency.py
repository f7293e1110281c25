"""What stands out in a photo: U²-Net (Qin et al. 2020, arXiv 2005.09007), by OpenCV's DNN module.

The output bits do not depend on the number of threads: OpenCV splits over output elements only.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from stages.models.weights import packages
from stages.records.images import Image

Array = NDArray[np.float32]

NAME = "u2net"
"""In ``weights.toml``."""
SIDE = 320
"""Input and output side in pixels."""
_FUSED = "1959"
"""The output d0, which fuses the six side outputs."""
_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
_STD = np.array([0.229, 0.224, 0.225], np.float32)


class Saliency:
    """The salient-object network."""

    def __init__(self) -> None:
        """Load it.

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        content = np.frombuffer(packages.read(NAME, "u2net.onnx"), np.uint8)
        self._network = cv2.dnn.readNetFromONNX(content)

    def __call__(self, image: Image) -> Array:
        """(H, W, 3) uint8, squeezed to a square, to (320, 320) saliency in 0..1, stretched so that
        both ends occur (`normalised`)."""
        self._network.setInput(blob(image))
        return stretch(np.asarray(self._network.forward(_FUSED)[0, 0], np.float32))


def blob(image: Image) -> Array:
    """(H, W, 3) uint8 to (1, 3, 320, 320): brightest value to 1, then ImageNet's mean and deviation
    (the authors' ``ToTensorLab``)."""
    from PIL import Image as Pillow

    small = Pillow.fromarray(image).resize((SIDE, SIDE), Pillow.Resampling.LANCZOS)
    values = np.asarray(small, np.float32)
    values = (values / max(float(values.max()), 1.0) - _MEAN) / _STD
    return np.ascontiguousarray(values.transpose(2, 0, 1)[None])


def stretch(values: Array) -> Array:
    """Least value to 0, greatest to 1 (the authors' ``normPRED``); a constant map becomes zero."""
    low, span = float(values.min()), float(np.ptp(values))
    return (values - low) / span if span > 1e-6 else np.zeros_like(values)
