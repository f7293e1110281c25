"""GPUs of this machine, queried only for stages whose models compute on one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Gpu:
    """The class of a GPU, which determines the last bits of its results."""

    name: str
    capability: str
    """Compute capability, e.g. ``9.0``."""


@cache
def gpus() -> tuple[Gpu, ...]:
    """Return the GPUs that this process may use, in torch's order."""
    import torch

    if not torch.cuda.is_available():
        return ()
    found = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return tuple(Gpu(gpu.name, f"{gpu.major}.{gpu.minor}") for gpu in found)


def on_gpu(devices: Iterable[str]) -> bool:
    """Whether one of these torch device names is a CUDA device."""
    return any(name.startswith("cuda") for name in devices)


def count_usable_gpus(devices: Iterable[str]) -> int:
    """Return how many GPUs the workers can use: all, or 1 if a model names a particular one.

    At least 1, so that a stage without a GPU fails in its worker, which names the reason.
    """
    return 1 if any(name.startswith("cuda:") for name in devices) else max(1, len(gpus()))


def fingerprint() -> dict[str, str]:
    """Return the classes of GPU and torch's version of CUDA, as they enter store keys."""
    import torch

    names = sorted({f"{gpu.name} ({gpu.capability})" for gpu in gpus()})
    return {"gpu": " + ".join(names) or "none", "cuda": torch.version.cuda or "none"}


def assign_gpus(workers: int, gpus: int) -> list[str]:
    """Return CUDA_VISIBLE_DEVICES for each worker: one of the `gpus` of this process, in turn."""
    names = (os.environ.get(VISIBLE) or ",".join(map(str, range(gpus)))).split(",")
    return [names[number % gpus] for number in range(workers)]
