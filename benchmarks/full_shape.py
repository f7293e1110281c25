"""The same race at FLUX.1-dev's full shape: 12 billion random weights, created on the device.

Random weights make no pictures, but time, memory and arithmetic are those of the real ones. The
flaws are made up, each with a tenth of the window active.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.contestants import Contestant, contestants
from benchmarks.meter import machine
from benchmarks.race import race
from benchmarks.workload import Task, made_up
from stages.inject.params import InjectParams
from stages.invert.params import InvertParams
from stages.models.flow.model import (
    AutoencoderKL,
    Flow,
    FlowMatchEulerDiscreteScheduler,
    FluxTransformer2DModel,
)
from stages.models.flow.text import Conditioning

SIDES = (1024, 512)
ACTIVE = 0.1
"""Share of a window's tokens, margin included."""
STEPS = 8
BARS = {4: 3500, 8: 6000}
"""K to pairs an hour at 1024 px on an H100."""


@dataclass(frozen=True)
class Shape:
    """A model's size."""

    transformer: dict[str, Any]
    autoencoder: dict[str, Any]
    text: int
    """Tokens of a prompt."""


FLUX = Shape(
    transformer={
        "in_channels": 64,
        "num_layers": 19,
        "num_single_layers": 38,
        "attention_head_dim": 128,
        "num_attention_heads": 24,
        "joint_attention_dim": 4096,
        "pooled_projection_dim": 768,
        "guidance_embeds": True,
        "axes_dims_rope": (16, 56, 56),
    },
    autoencoder={
        "down_block_types": ("DownEncoderBlock2D",) * 4,
        "up_block_types": ("UpDecoderBlock2D",) * 4,
        "block_out_channels": (128, 256, 512, 512),
        "layers_per_block": 2,
        "latent_channels": 16,
        "sample_size": 1024,
        "scaling_factor": 0.3611,
        "shift_factor": 0.1159,
        "use_quant_conv": False,
        "use_post_quant_conv": False,
    },
    text=512,
)


class Prompt:
    """One prompt's embeddings, drawn at random."""

    told = False

    def __init__(self, shape: Shape, dtype: torch.dtype, device: torch.device) -> None:
        self.tokens = shape.text
        width, pooled = (
            shape.transformer[k] for k in ("joint_attention_dim", "pooled_projection_dim")
        )
        self._told = Conditioning(
            torch.randn(1, shape.text, width, dtype=dtype, device=device),
            torch.randn(1, pooled, dtype=dtype, device=device),
        )

    def __call__(self, prompt: str) -> Conditioning:
        """The embeddings.

        Raises:
            ValueError: there are words, for which there are no encoders.
        """
        if prompt:
            raise ValueError(f"random weights have no text encoders for the prompt {prompt!r}")
        return self._told


def random_flow(shape: Shape, dtype: torch.dtype, device: torch.device) -> Flow:
    """A model of random weights that never lay anywhere but on the device."""
    torch.manual_seed(0)
    with _default_dtype(dtype), device:
        transformer: Any = FluxTransformer2DModel(**shape.transformer)
        vae: Any = AutoencoderKL(**shape.autoencoder)
    for model in (transformer, vae):
        model.eval().requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    return Flow(transformer, vae, scheduler, Prompt(shape, dtype, device), device)


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def ceiling(dtype: torch.dtype, device: torch.device, side: int = 8192, rounds: int = 20) -> float:
    """Measured floating-point operations a second of a square matrix product."""
    a, b = (torch.randn(side, side, dtype=dtype, device=device) for _ in range(2))

    def seconds() -> float:
        start = time.perf_counter()
        for _ in range(rounds):
            torch.mm(a, b)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - start

    seconds()
    return 2 * side**3 * rounds / seconds()


def operations(flow: Flow, entry: Contestant, task: Task) -> int:
    """Floating-point operations of one job, attention and autoencoder included; runs it eagerly."""
    with FlopCounterMode(display=False) as counter:
        entry.job(flow, task)
    return counter.get_total_flops()


def measure(
    flow: Flow,
    tasks: Sequence[Task],
    entries: Sequence[Contestant],
    limit: float,
    on_job: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """A row of figures for each window and contestant, eager, then compiled.

    Ours come first: compiling takes minutes, and what was measured before the end is kept.

    Args:
        flow: eager; compiled on the way.
        tasks: one window of each size.
        entries: the contestants.
        limit: floating-point operations a second, from `ceiling`.
        on_job: told what is being done.
    """
    work: dict[tuple[str, str], int] = {}
    for task in tasks:
        for entry in entries:
            on_job(f"{task.name}: counting {entry.name}")
            work[task.name, entry.name] = operations(flow, entry, task)
    for compiled in (False, True):
        if compiled:
            flow.transformer.compile(dynamic=True)  # as Flow.load does
        for task, entry in product(tasks, reversed(entries)):
            [[row]] = race(flow, [task], [entry], on_job, warm_up=compiled)
            (seconds,) = row.seconds("wall")
            spent = work[task.name, row.name] / row.pairs / seconds
            yield {
                "side": task.window.size[0],
                "compiled": compiled,
                "pairs_an_hour": 3600 / seconds,
                "share_of_ceiling": spent / limit,
                **row.figures(),
            }


def run(
    device: torch.device,
    on_job: Callable[[str], None],
    shape: Shape = FLUX,
    sides: Sequence[int] = SIDES,
) -> Iterator[dict[str, Any]]:
    """Race on random weights in bfloat16; all figures so far after every row.

    Args:
        device: where.
        on_job: told what is being done.
        shape: the model's.
        sides: of the windows in pixels.
    """
    on_job("creating the model")
    flow, injecting = random_flow(shape, torch.bfloat16, device), InjectParams()
    entries = contestants(InvertParams(), injecting, (STEPS,))
    tasks = [made_up(side, ACTIVE, injecting.margin, max(BARS)) for side in sides]
    limit = ceiling(torch.bfloat16, device, 8192 if device.type == "cuda" else 512)
    figures: dict[str, Any] = {
        "machine": machine(flow),
        "ceiling_tflops": limit / 1e12,
        "active_share": ACTIVE,
        "rows": [],
    }
    for row in measure(flow, tasks, entries, limit, on_job):
        figures["rows"].append(row)
        yield figures


def table(figures: dict[str, Any]) -> Table:
    """A row a window, way and contestant."""
    where = figures["machine"]
    out = Table(
        title=f"full shape, random weights; {where['gpu'] or where['cpu']}, {where['dtype']}",
        caption=f"matrix products at {figures['ceiling_tflops']:.0f} TFLOP/s are the ceiling",
    )
    for column in ("side", "", "contestant"):
        out.add_column(column)
    for column in (
        "evaluations\na pair",
        "pairs/h",
        "share of\nceiling",
        "peak GiB\non top",
        "bar",
    ):
        out.add_column(column, justify="right")
    for row in figures["rows"]:
        barred = row["side"] == 1024 and row["pairs"] in BARS
        peak = row["peak_bytes"]
        out.add_row(
            str(row["side"]),
            "compiled" if row["compiled"] else "eager",
            row["name"],
            f"{row['evaluations']:.2f}",
            f"{row['pairs_an_hour']:.0f}",
            f"{row['share_of_ceiling']:.0%}",
            "" if peak is None else f"{peak / 2**30:.1f}",
            f"{BARS[row['pairs']]}" if barred else "",
        )
    return out
