"""Section ``invert`` of params.yaml and the thresholds of its gate."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from stages.engine.stage import GateParams, StageParams
from stages.invert.solvers import Solver

Storage = Literal["float16", "float32"]


class InvertGate(GateParams):
    """Thresholds of the invert gate."""

    max_reject_rate: float = 0.02
    min_reconstruction_psnr: float = 15.0
    """dB, every photo's worst window: below, the autoencoder is broken or the wrong one."""
    min_reconstruction_psnr_mean: float = 20.0
    """dB, mean over photos of their worst window."""


class InvertParams(StageParams):
    """Section ``invert`` of params.yaml."""

    solver: Solver = "fireflow"
    steps: int = Field(default=6, ge=1, le=100)
    """Steps between t = 0 and t = 1."""
    until: float = Field(default=1.0, gt=0, le=1)
    """Stop at the first timestep that reaches this; nothing later can be asked for by inject."""
    dtype: Storage = "float16"
    """Precision of the latents kept."""
    gate: InvertGate = InvertGate()  # pyright: ignore[reportIncompatibleVariableOverride]
