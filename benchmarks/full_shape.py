"""Time the methods at FLUX.1-dev's full shape, with 12 billion random weights.

The weights are created on the device. They make no pictures, but cost the same time, memory and
operations as the real ones. The flaws are synthetic; each has a tenth of the window active.
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

from benchmarks.meter import describe_machine
from benchmarks.methods import Method, list_methods
from benchmarks.timing import time_methods
from benchmarks.workload import Task, make_synthetic_task
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
"""Active share of a window's tokens, margin included."""
STEPS = 8
MIN_PAIRS_PER_HOUR = {4: 3500, 8: 6000}
"""K to the pairs per hour that are required at 1024 px on an H100."""


@dataclass(frozen=True)
class Shape:
    """The size of a model."""

    transformer: dict[str, Any]
    autoencoder: dict[str, Any]
    text: int
    """Text tokens of a prompt."""


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


class RandomPrompt:
    """Random embeddings in place of a prompt's."""

    takes_prompts = False

    def __init__(self, shape: Shape, dtype: torch.dtype, device: torch.device) -> None:
        self.tokens = shape.text
        width, pooled = (
            shape.transformer[k] for k in ("joint_attention_dim", "pooled_projection_dim")
        )
        self._embeddings = Conditioning(
            torch.randn(1, shape.text, width, dtype=dtype, device=device),
            torch.randn(1, pooled, dtype=dtype, device=device),
        )

    def __call__(self, prompt: str) -> Conditioning:
        """Return the embeddings.

        Raises:
            ValueError: the prompt is not empty; there are no text encoders.
        """
        if prompt:
            raise ValueError(f"random weights have no text encoders for the prompt {prompt!r}")
        return self._embeddings


def make_random_flow(shape: Shape, dtype: torch.dtype, device: torch.device) -> Flow:
    """Create a model of random weights directly on the device."""
    torch.manual_seed(0)
    with _default_dtype(dtype), device:
        transformer: Any = FluxTransformer2DModel(**shape.transformer)
        vae: Any = AutoencoderKL(**shape.autoencoder)
    for model in (transformer, vae):
        model.eval().requires_grad_(False)
    vae.to(memory_format=torch.channels_last)
    scheduler = FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True)
    return Flow(transformer, vae, scheduler, RandomPrompt(shape, dtype, device), device)


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def measure_ceiling(
    dtype: torch.dtype, device: torch.device, side: int = 8192, rounds: int = 20
) -> float:
    """Measure the floating-point operations per second of a square matrix product."""
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


def count_operations(flow: Flow, method: Method, task: Task) -> int:
    """Count the floating-point operations of one job, attention and autoencoder included.

    Runs the job eagerly.
    """
    with FlopCounterMode(display=False) as counter:
        method.job(flow, task)
    return counter.get_total_flops()


def measure(
    flow: Flow,
    tasks: Sequence[Task],
    methods: Sequence[Method],
    limit: float,
    on_job: Callable[[str], None],
) -> Iterator[dict[str, Any]]:
    """Yield a row of figures for each window and method, first eager, then compiled.

    Our methods are measured first: compiling takes minutes, and a run that is stopped keeps the
    figures it has.

    Args:
        flow: the model, eager; its transformer is compiled for the second half.
        tasks: one window of each size.
        methods: the methods.
        limit: floating-point operations per second, from `measure_ceiling`.
        on_job: called with a description of each job before it runs.
    """
    work: dict[tuple[str, str], int] = {}
    for task in tasks:
        for method in methods:
            on_job(f"{task.name}: counting {method.name}")
            work[task.name, method.name] = count_operations(flow, method, task)
    for compiled in (False, True):
        if compiled:
            flow.transformer.compile(dynamic=True)  # as Flow.load does
        for task, method in product(tasks, reversed(methods)):
            [[row]] = time_methods(flow, [task], [method], on_job, warm_up=compiled)
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
    """Time the methods on random weights in bfloat16; yield all figures so far after every row.

    Args:
        device: the device to run on.
        on_job: called with a description of each job before it runs.
        shape: the model's size.
        sides: sides of the windows in pixels.
    """
    on_job("creating the model")
    flow, injecting = make_random_flow(shape, torch.bfloat16, device), InjectParams()
    methods = list_methods(InvertParams(), injecting, (STEPS,))
    variants = max(MIN_PAIRS_PER_HOUR)
    tasks = [make_synthetic_task(side, ACTIVE, injecting.margin, variants) for side in sides]
    limit = measure_ceiling(torch.bfloat16, device, 8192 if device.type == "cuda" else 512)
    figures: dict[str, Any] = {
        "machine": describe_machine(flow),
        "ceiling_tflops": limit / 1e12,
        "active_share": ACTIVE,
        "rows": [],
    }
    for row in measure(flow, tasks, methods, limit, on_job):
        figures["rows"].append(row)
        yield figures


def make_table(figures: dict[str, Any]) -> Table:
    """Make a table with a row for each window, mode (eager, compiled) and method."""
    where = figures["machine"]
    out = Table(
        title=f"full shape, random weights; {where['gpu'] or where['cpu']}, {where['dtype']}",
        caption=f"ceiling: matrix products at {figures['ceiling_tflops']:.0f} TFLOP/s",
    )
    for column in ("side", "", "method"):
        out.add_column(column)
    for column in (
        "evaluations\nper pair",
        "pairs/h",
        "share of\nceiling",
        "peak GiB\non top",
        "required\npairs/h",
    ):
        out.add_column(column, justify="right")
    for row in figures["rows"]:
        required = MIN_PAIRS_PER_HOUR.get(row["pairs"]) if row["side"] == 1024 else None
        peak = row["peak_bytes"]
        out.add_row(
            str(row["side"]),
            "compiled" if row["compiled"] else "eager",
            row["name"],
            f"{row['evaluations']:.2f}",
            f"{row['pairs_an_hour']:.0f}",
            f"{row['share_of_ceiling']:.0%}",
            "" if peak is None else f"{peak / 2**30:.1f}",
            "" if required is None else f"{required}",
        )
    return out
