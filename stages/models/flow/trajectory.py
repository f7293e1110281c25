"""The latents of an inversion, and the file format in which they are stored."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save

from stages.models.flow.solvers import Solver, Storage


@dataclass(frozen=True)
class Trajectory:
    """States and midpoints of one window's inversion, by rising time; the first is the photo."""

    times: tuple[float, ...]
    points: torch.Tensor
    """(P, N, 64) float32, P = len(times)."""

    def at(self, t: float) -> torch.Tensor:
        """Return the latent (N, 64) at a time that the solver visited.

        Raises:
            KeyError: the solver did not visit `t`.
        """
        try:
            return self.points[self.times.index(t)]
        except ValueError:
            raise KeyError(f"the inversion never visited t = {t}") from None

    @property
    def finite(self) -> bool:
        """Whether all latents are finite."""
        return bool(torch.isfinite(self.points).all())

    def states(self, solver: Solver) -> tuple[float, ...]:
        """Return the timesteps in `times`: every other one if the solver uses midpoints.

        Raises:
            ValueError: not a trajectory of that solver starting at t = 0.
        """
        states = self.times if solver == "euler" else self.times[::2]
        complete = solver == "euler" or len(self.times) % 2 == 1
        if not complete or len(states) < 2 or states[0] != 0:
            raise ValueError(f"{len(self.times)} times from {self.times[:1]} are not {solver}'s")
        return states

    def to_bytes(self, storage: Storage) -> bytes:
        """Serialise to safetensors: ``points`` in `storage` precision, ``times`` in float64."""
        points = self.points.to(getattr(torch, storage)).contiguous()
        return save({"points": points, "times": torch.tensor(self.times, dtype=torch.float64)})

    @classmethod
    def from_bytes(cls, data: bytes) -> Trajectory:
        """Parse what `to_bytes` wrote.

        Raises:
            ValueError: not such a file, or a latent is not finite.
        """
        try:
            tensors = load(data)
            points, times = tensors["points"].float(), tensors["times"].tolist()
        except (SafetensorError, KeyError) as error:
            raise ValueError(f"not a latents file: {error}") from error
        if points.ndim != 3 or len(points) != len(times):
            raise ValueError(f"{len(times)} times for latents of shape {tuple(points.shape)}")
        trajectory = cls(tuple(times), points)
        if not trajectory.finite:
            raise ValueError("latents that are not finite")
        return trajectory
