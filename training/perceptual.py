"""LPIPS (AlexNet) as a training loss: the stages' metric, with gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from stages.models.metric.lpips import AlexLpips
from stages.models.weights.packages import WeightsError


class Lpips:
    """Mean LPIPS of two (B, 3, H, W) batches in [-1, 1]; the gradient reaches the second."""

    def __init__(self, device: torch.device) -> None:
        """Load the network to `device`.

        Raises FileNotFoundError if the pinned weights were not fetched.
        """
        try:
            self.network = AlexLpips().network.to(device)
        except WeightsError as error:
            raise FileNotFoundError(str(error)) from error

    def __call__(self, real: Tensor, decoded: Tensor) -> Tensor:
        """Compute the loss, a scalar."""
        return self.network(real.contiguous(), decoded.contiguous()).mean()
