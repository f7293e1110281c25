"""The GPUs that a stage's models compute on, asked only for stages that name one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Gpu:
    """What changes the last bits of its results."""

    name: str
    capability: str
    """Compute capability, e.g. ``9.0``."""


@cache
def gpus() -> tuple[Gpu, ...]:
    """Those that this process may use, as torch numbers them."""
    import torch

    if not torch.cuda.is_available():
        return ()
    found = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return tuple(Gpu(one.name, f"{one.major}.{one.minor}") for one in found)


def on_gpu(devices: Iterable[str]) -> bool:
    """Whether one of these names of torch's is a CUDA device."""
    return any(name.startswith("cuda") for name in devices)


def spread(devices: Iterable[str]) -> int:
    """How many GPUs workers may be spread over: all, or one where a model names its own."""
    return 1 if any(name.startswith("cuda:") for name in devices) else max(1, len(gpus()))


def fingerprint() -> dict[str, str]:
    """Classes of GPU and the CUDA that torch was built for, as a store key holds them."""
    import torch

    names = sorted({f"{gpu.name} ({gpu.capability})" for gpu in gpus()})
    return {"gpu": " + ".join(names) or "none", "cuda": torch.version.cuda or "none"}


def shares(workers: int, gpus: int) -> list[str]:
    """CUDA_VISIBLE_DEVICES of each worker: one of the `gpus` that this process sees, in turn."""
    names = (os.environ.get(VISIBLE) or ",".join(map(str, range(gpus)))).split(",")
    return [names[number % gpus] for number in range(workers)]
