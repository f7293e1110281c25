"""Optimisers, learning-rate schedule, EMA and checkpoints.

Muon (Jordan et al. 2024; update scale of Liu et al. 2025, arXiv 2502.16982) for every inner weight
matrix, AdamW for the rest. torch.optim.Muon refuses convolutions, hence this implementation.
"""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from stages.engine.files import replacing

Tree = dict[str, Any]


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """Approximate U·Vᵀ of each (B, rows, columns) matrix by Newton-Schulz iteration in bfloat16."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = matrices.bfloat16()
    transposed = x.size(-2) > x.size(-1)
    x = x.mT if transposed else x
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        gram = x @ x.mT
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.mT if transposed else x).to(matrices.dtype)


class Muon(torch.optim.Optimizer):
    """Momentum SGD whose update is orthogonalised per weight matrix (convolutions flattened).

    The update's root mean square is scaled to about AdamW's (0.2), so that both can share a
    learning rate.
    """

    def __init__(
        self, params: Iterable[nn.Parameter], lr: float, momentum: float, weight_decay: float
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update the parameters from their gradients; `closure` is ignored."""
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[tuple[nn.Parameter, Tensor]]] = defaultdict(list)
            for param in group["params"]:
                if param.grad is None:
                    continue
                gradient = param.grad.float()
                state = self.state[param]
                if "momentum" not in state:
                    state["momentum"] = torch.zeros_like(gradient)
                momentum = state["momentum"].lerp_(gradient, 1 - group["momentum"])
                update = gradient.lerp(momentum, group["momentum"]).flatten(1)
                by_shape[(update.size(0), update.size(1))].append((param, update))
            for (rows, columns), members in by_shape.items():
                updates = orthogonalise(torch.stack([update for _, update in members]))
                scale = 0.2 * math.sqrt(max(rows, columns))
                for (param, _), update in zip(members, updates, strict=True):
                    param.mul_(1 - group["lr"] * group["weight_decay"])
                    param.add_(update.view(param.shape).to(param.dtype), alpha=-group["lr"] * scale)


def optimisers(
    model: nn.Module, lr: float, weight_decay: float, outer: tuple[str, ...]
) -> list[torch.optim.Optimizer]:
    """Create Muon for inner matrices, AdamW for vectors and for names with a prefix of `outer`."""
    inner, rest = [], []
    for name, param in model.named_parameters():
        if param.requires_grad:
            (rest if param.ndim < 2 or name.startswith(outer) else inner).append(param)
    return [
        Muon(inner, lr, momentum=0.95, weight_decay=weight_decay),
        torch.optim.AdamW(rest, lr, betas=(0.9, 0.98), weight_decay=0.0),
    ]


def learning_rate(progress: float, warm_up: float = 0.03, floor: float = 0.02) -> float:
    """Return the factor of the peak rate at `progress` in [0, 1].

    It rises linearly during warm-up, then falls to `floor` as a cosine.
    """
    if progress < warm_up:
        return max(progress / warm_up, 0.01)
    x = min((progress - warm_up) / (1 - warm_up), 1.0)
    return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * x))


class Ema:
    """Exponential moving average of a model's parameters, decay min(decay, (1 + n) / (10 + n))."""

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.tensors = {k: v.detach().float().clone() for k, v in model.named_parameters()}

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Move the average towards the model's parameters."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, value in model.named_parameters():
            self.tensors[name].lerp_(value.detach().float(), 1 - decay)

    def state_dict(self) -> Tree:
        """Return the state for a checkpoint."""
        return {"updates": self.updates, "tensors": self.tensors}

    def load_state_dict(self, state: Tree) -> None:
        """Restore the state of a checkpoint."""
        self.updates = state["updates"]
        for key, value in state["tensors"].items():
            self.tensors[key].copy_(value)


def save_atomically(path: Path, tree: Tree) -> None:
    """Write a checkpoint; a kill at any moment leaves either the old file or the new one."""
    with replacing(path) as partial, partial.open("wb") as stream:
        torch.save(tree, stream)
        stream.flush()
        os.fsync(stream.fileno())


def load_checkpoint(path: Path) -> Tree | None:
    """Load a checkpoint (tensors and plain values only); None if there is none."""
    if not path.exists():
        return None
    return torch.load(path, map_location="cpu", weights_only=True)
