"""Measure from outside what a job costs: time, autoencoder time, tokens, memory.

The project's own counts are not used: the transformer and the autoencoder of the `Flow` are wrapped
while the job runs.
"""

from __future__ import annotations

import ctypes
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch

from benchmarks.memory import read_peak
from stages.models.flow.model import Flow

T = TypeVar("T")


@dataclass(frozen=True)
class Time:
    """A duration in seconds."""

    wall: float
    cpu: float
    """Processor time of all threads of this process: least disturbed by other work on the
    machine."""

    def __add__(self, other: Time) -> Time:
        return Time(self.wall + other.wall, self.cpu + other.cpu)

    def __sub__(self, other: Time) -> Time:
        return Time(self.wall - other.wall, self.cpu - other.cpu)


@dataclass(frozen=True)
class Cost:
    """What one job cost."""

    whole: Time
    autoencoder: Time
    """The part of `whole` spent in the autoencoder."""
    tokens: int
    """Tokens that went through the transformer: samples times image and text tokens, summed over
    all calls."""
    peak: int | None
    """Bytes on top of what was in use before (weights, libraries); None where the system does not
    report it."""


class Meter:
    """Measure jobs on one model."""

    def __init__(self, flow: Flow) -> None:
        self.flow, self.device = flow, flow.transformer.device

    def measure(self, job: Callable[[], T]) -> tuple[T, Cost]:
        """Run `job`; return its result and its cost."""
        before = self._reset_peak()
        with self._wrap_models() as (transformer, autoencoder):
            start = self._now()
            result = job()
            whole = self._now() - start
        peak = None if before is None else self._peak() - before
        return result, Cost(whole, autoencoder.spent, transformer.tokens, peak)

    @contextmanager
    def _wrap_models(self) -> Iterator[tuple[_Transformer, _Autoencoder]]:
        transformer, vae = self.flow.transformer, self.flow.vae
        counted, timed = _Transformer(transformer), _Autoencoder(vae, self._now)
        self.flow.transformer, self.flow.vae = counted, timed
        try:
            yield counted, timed
        finally:
            self.flow.transformer, self.flow.vae = transformer, vae

    def _now(self) -> Time:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return Time(time.perf_counter(), time.process_time())

    def _reset_peak(self) -> int | None:
        """Reset the peak to the bytes now in use and return them; None where the system cannot."""
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
            return torch.cuda.memory_allocated(self.device)
        try:
            ctypes.CDLL(None).malloc_trim(0)  # glibc does not return freed memory by itself
            Path("/proc/self/clear_refs").write_text("5")
        except (OSError, AttributeError):
            return None
        return self._peak()

    def _peak(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        return read_peak()


class _Wrapper:
    """Wrap a model; attributes that are not defined here are the model's."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


class _Transformer(_Wrapper):
    """Count tokens."""

    tokens = 0

    def __call__(
        self, *, hidden_states: torch.Tensor, encoder_hidden_states: torch.Tensor, **rest: Any
    ) -> Any:
        image, text = hidden_states.shape, encoder_hidden_states.shape
        self.tokens += image[0] * (image[1] + text[1])
        return self._model(
            hidden_states=hidden_states, encoder_hidden_states=encoder_hidden_states, **rest
        )


class _Autoencoder(_Wrapper):
    """Time encoding and decoding."""

    def __init__(self, model: Any, now: Callable[[], Time]) -> None:
        super().__init__(model)
        self._now, self.spent = now, Time(0, 0)

    def encode(self, *args: Any, **options: Any) -> Any:
        return self._time(self._model.encode, *args, **options)

    def decode(self, *args: Any, **options: Any) -> Any:
        return self._time(self._model.decode, *args, **options)

    def _time(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        start = self._now()
        out = call(*args, **options)
        self.spent += self._now() - start
        return out


def describe_machine(flow: Flow) -> dict[str, Any]:
    """Describe the machine and the settings that figures depend on."""
    device = flow.transformer.device
    return {
        "cpu": read_cpu_model(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "torch": torch.__version__,
        "dtype": str(flow.transformer.dtype).removeprefix("torch."),
    }


def read_cpu_model() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
