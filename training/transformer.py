"""Train the compact flow transformer: `python -m training.transformer --out DIR --minutes 50`.

Rectified flow on cached latents: z_t = (1 - t) x0 + t eps, target velocity eps - x0.
"""

from __future__ import annotations

import argparse
import logging
import math
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

from stages.models.flow.tokens import image_ids, pack
from stages.records.seeding import generator, seed_for
from training.feed import batches
from training.loop import Budget, Loop, Recipe
from training.models import FluxTransformer2DModel, transformer
from training.runtime import Worker, add_machine_arguments, log_to_stderr, together

log = logging.getLogger("transformer")

Grid = tuple[int, int]
"""Rows and columns of tokens."""

CHECKPOINT = "transformer.pt"
LATENTS = "latents.safetensors"
OUTER = ("x_embedder", "context_embedder", "proj_out", "time_text_embed", "norm_out")
"""Parameters that AdamW trains: not a map from the residual stream to itself."""


@dataclass(frozen=True, kw_only=True)
class TransformerParams(Recipe):
    """What decides the trained transformer besides the latents and the time it is given."""

    heads: int = 4
    double_blocks: int = 1
    single_blocks: int = 7
    batch: int = 12
    """Crops a step and worker, of `grid` tokens; large crops count by their tokens."""
    grid: Grid = (16, 16)
    large_grids: tuple[Grid, ...] = ((24, 24), (24, 32), (32, 24), (32, 32))
    """Windows of 384 to 512 px, in turn."""
    large_from: float = 0.6
    """Progress after which half of the batches are of a large grid."""
    lr: float = 2e-3
    ema: float = 0.997
    time_mean: float = -0.3
    time_std: float = 1.0
    uniform_times: float = 0.2
    """Share of the timesteps drawn uniformly: inversion passes through all of them."""
    masked: float = 0.4
    """Share of the batches in which a blob is noisier than what surrounds it."""
    stretched: float = 0.25
    """Share of the batches whose positions are stretched, as in larger windows."""

    def shape(self) -> dict[str, int]:
        """Arguments of `training.models.transformer`."""
        return {
            "heads": self.heads,
            "double_blocks": self.double_blocks,
            "single_blocks": self.single_blocks,
        }


ON_GPU = TransformerParams(batch=256, ema=0.9995, large_from=0.4, large_grids=((24, 24), (32, 32)))
"""What a GPU has the time for; few grids, since each one is compiled."""


@dataclass(frozen=True)
class Batch:
    """One step's input: what is drawn depends on seed, step and rank alone."""

    tokens: Tensor
    """(B, N, 64) normalised latents x0."""
    times: Tensor
    """(B, 1, 1), of the tokens to learn from."""
    context_times: Tensor
    """(B, 1, 1), of the others."""
    learnt: Tensor
    """(B, N, 1) float: 1 where the loss counts."""
    ids: Tensor
    """(N, 3) positions."""
    seed: int
    """Of the noise."""

    def to(self, device: torch.device) -> Batch:
        """The same on `device`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value.to(device) for name, value in values.items() if name != "seed"}
        return replace(self, **tensors)

    def noise(self) -> Tensor:
        """(B, N, 64) standard normal values, the same at every call on one device."""
        device = self.tokens.device
        drawn = torch.Generator(device).manual_seed(self.seed)
        return torch.randn(self.tokens.shape, generator=drawn, device=device)


def load_latents(path: Path, prefix: str) -> list[Tensor]:
    """All (16, h, w) float16 latents under a prefix, normalised to unit variance per channel."""
    with safe_open(path, framework="pt") as file:
        mean, std = (file.get_tensor(k)[:, None, None] for k in ("mean", "std"))
        names = sorted(name for name in file.keys() if name.startswith(prefix + "/"))  # noqa: SIM118
        return [((file.get_tensor(name).float() - mean) / std).half() for name in names]


def blob(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """(rows * columns,) bool: a random ellipse that covers about 3 to 35 % of the grid."""
    row, column = np.mgrid[: grid[0], : grid[1]] / np.reshape(grid, (2, 1, 1))
    y, x = rng.uniform(0.2, 0.8, 2)
    a, b = rng.uniform(0.1, 0.33, 2)
    angle = rng.uniform(0, np.pi)
    u = (row - y) * np.cos(angle) + (column - x) * np.sin(angle)
    v = (column - x) * np.cos(angle) - (row - y) * np.sin(angle)
    return ((u / a) ** 2 + (v / b) ** 2 <= 1).ravel()


def positions(grid: Grid, stretch: float, offset: np.ndarray) -> Tensor:
    """(rows * columns, 3) positions: the grid stretched and moved by a (row, column) offset."""
    ids = image_ids(grid) * stretch
    ids[:, 1:] += torch.from_numpy(offset).float()
    return ids


def draw_times(count: int, params: TransformerParams, rng: np.random.Generator) -> np.ndarray:
    """(count,) timesteps in (0, 1): logit-normal, a share of them uniform."""
    normal = rng.normal(params.time_mean, params.time_std, count)
    uniform = rng.random(count)
    return np.where(rng.random(count) < params.uniform_times, uniform, 1 / (1 + np.exp(-normal)))


def batch_at(
    latents: list[Tensor], params: TransformerParams, step: int, rank: int, grid: Grid
) -> Batch:
    """The batch of a step: random crops, times, positions, and for a share of them a blob."""
    rng = generator(params.seed, "transformer", step, rank)
    rows, columns = grid
    count = max(1, params.batch * math.prod(params.grid) // math.prod(grid))
    large = [
        i for i, z in enumerate(latents) if z.shape[1] >= 2 * rows and z.shape[2] >= 2 * columns
    ]
    crops = []
    for index in rng.choice(large, count):
        z = latents[index]
        y, x = (
            rng.integers(z.shape[1] - 2 * rows + 1),
            rng.integers(z.shape[2] - 2 * columns + 1),
        )
        crops.append(z[:, y : y + 2 * rows, x : x + 2 * columns])
    tokens = pack(torch.stack(crops).float())
    times = draw_times(count, params, rng)
    learnt, context = np.ones((count, rows * columns)), times
    if rng.random() < params.masked:
        learnt = np.stack([blob(grid, rng) for _ in range(count)])
        context = times * rng.uniform(0, 1, count) * (rng.random(count) < 0.7)
    stretch = rng.uniform(0.8, 1.6) if rng.random() < params.stretched else 1.0
    offset = rng.integers(0, 9, 2) if rng.random() < 0.5 else np.zeros(2)

    def column(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(values)).float().reshape(count, -1, 1)

    return Batch(
        tokens=tokens,
        times=column(times),
        context_times=column(context),
        learnt=column(learnt),
        ids=positions(grid, stretch, offset),
        seed=seed_for(params.seed, "flow noise", step, rank),
    )


def velocity(model: FluxTransformer2DModel, z: Tensor, t: Tensor, ids: Tensor) -> Tensor:
    """v(z, t) of (B, N, 64) tokens at (B,) times, conditioned on one zero text token."""
    width = model.config["joint_attention_dim"], model.config["pooled_projection_dim"]
    with torch.autocast(z.device.type, torch.bfloat16):
        return model(
            hidden_states=z,
            encoder_hidden_states=torch.zeros(len(z), 1, width[0], device=z.device),
            pooled_projections=torch.zeros(len(z), width[1], device=z.device),
            timestep=t,
            img_ids=ids,
            txt_ids=torch.zeros(1, 3, device=z.device),
            return_dict=False,
        )[0].float()


def loss_of(model: FluxTransformer2DModel, batch: Batch) -> Tensor:
    """Mean squared error of the velocity over the tokens that count."""
    times = batch.learnt * batch.times + (1 - batch.learnt) * batch.context_times
    noise = batch.noise()
    z = (1 - times) * batch.tokens + times * noise
    error = velocity(model, z, batch.times.flatten(), batch.ids) - (noise - batch.tokens)
    squared = error.square().mean(-1, keepdim=True) * batch.learnt
    return squared.sum() / batch.learnt.sum().clamp(min=1)


def grid_at(params: TransformerParams, large: bool, step: int) -> Grid:
    """Crop size in tokens of a step: every second batch is large where `large` says so."""
    if not large or step % 2 == 0:
        return params.grid
    return params.large_grids[step // 2 % len(params.large_grids)]


def _make(
    latents: list[Tensor], params: TransformerParams, rank: int, large: bool, step: int
) -> Batch:
    return batch_at(latents, params, step, rank, grid_at(params, large, step))


def train(
    latents: list[Tensor],
    out: Path,
    params: TransformerParams,
    worker: Worker,
    *,
    steps: int | None,
    minutes: float | None,
    save_every: float = 120.0,
) -> Path:
    """Train, or resume from `out`'s checkpoint, until the steps or minutes in all are spent.

    Returns the checkpoint's path.
    """
    torch.manual_seed(seed_for(params.seed, "transformer", "weights"))
    model: Any = transformer(**params.shape())
    model.to(worker.device)
    if worker.device.type == "cuda":
        model.compile(dynamic=False)
    log.info("%d latents", len(latents))
    loop = Loop(
        model,
        params,
        OUTER,
        worker,
        Budget(steps, minutes),
        out / CHECKPOINT,
        shape={"shape": params.shape()},
        describe=lambda loss: f"loss {loss:.4f}",
        save_every=save_every,
    )
    while loop.progress < 1:
        large = loop.progress >= params.large_from
        until = 1 if large else params.large_from
        make = partial(_make, latents, params, worker.rank, large)
        feed = batches(make, loop.step, worker.loaders)
        while loop.progress < until:
            loss = loss_of(model, next(feed).to(worker.device))
            loop.update(loss, loss.item())
    loop.save()
    return loop.path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder, with latents")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--latents", type=Path, help="another folder with latents")
    parser.add_argument("--heads", type=int, help="of 64 channels each: the model's width")
    parser.add_argument("--single-blocks", type=int)
    add_machine_arguments(parser)
    args = parser.parse_args()
    log_to_stderr()
    latents = load_latents((args.latents or args.out) / LATENTS, "train")
    params = TransformerParams() if args.device == "cpu" else ON_GPU
    sizes = {"heads": args.heads, "single_blocks": args.single_blocks}
    params = replace(params, **{name: value for name, value in sizes.items() if value})
    together(
        args.workers,
        lambda worker: train(latents, args.out, params, worker, steps=None, minutes=args.minutes),
        args.device,
    )


if __name__ == "__main__":
    main()
