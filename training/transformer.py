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
from training.optim import optimisers
from training.runtime import Worker, add_machine_arguments, log_to_stderr, run_workers

log = logging.getLogger("transformer")

Grid = tuple[int, int]
"""Rows and columns of tokens."""

CHECKPOINT = "transformer.pt"
LATENTS = "latents.safetensors"
OUTER = ("x_embedder", "context_embedder", "proj_out", "time_text_embed", "norm_out")
"""Prefixes of parameters that AdamW trains: no maps from the residual stream to itself."""


@dataclass(frozen=True, kw_only=True)
class TransformerParams(Recipe):
    """Training parameters of the transformer; latents and budget decide the rest."""

    heads: int = 4
    double_blocks: int = 1
    single_blocks: int = 7
    batch: int = 12
    """Crops of `grid` tokens per step and worker; fewer for large grids, by their tokens."""
    grid: Grid = (16, 16)
    large_grids: tuple[Grid, ...] = ((24, 24), (24, 32), (32, 24), (32, 32))
    """Grids of windows of 384 to 512 px, used in turn."""
    large_from: float = 0.6
    """Progress after which half of the batches have a large grid."""
    lr: float = 2e-3
    ema: float = 0.997
    time_mean: float = -0.3
    time_std: float = 1.0
    uniform_share: float = 0.2
    """Share of the timesteps that are drawn uniformly, since inversion visits all of them."""
    masked_share: float = 0.4
    """Share of the batches in which a blob is noisier than its surroundings."""
    stretched_share: float = 0.25
    """Share of the batches with stretched positions, as in larger windows."""

    def shape(self) -> dict[str, int]:
        """Return the arguments of `training.models.transformer`."""
        return {
            "heads": self.heads,
            "double_blocks": self.double_blocks,
            "single_blocks": self.single_blocks,
        }


ON_GPU = TransformerParams(batch=256, ema=0.9995, large_from=0.4, large_grids=((24, 24), (32, 32)))
"""Parameters for training on a GPU; few grids, since the model is compiled for each."""


@dataclass(frozen=True)
class Batch:
    """The input of one step; what is drawn depends only on seed, step and rank."""

    tokens: Tensor
    """(B, N, 64) normalised latents x0."""
    times: Tensor
    """(B, 1, 1) timesteps of the tokens in `loss_mask`."""
    outside_times: Tensor
    """(B, 1, 1) timesteps of the other tokens."""
    loss_mask: Tensor
    """(B, N, 1) float: 1 where the loss is computed."""
    ids: Tensor
    """(N, 3) positions."""
    seed: int
    """Seed of the noise."""

    def to(self, device: torch.device) -> Batch:
        """Copy the batch to `device`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        tensors = {name: value.to(device) for name, value in values.items() if name != "seed"}
        return replace(self, **tensors)

    def noise(self) -> Tensor:
        """Draw (B, N, 64) standard normal values, the same at every call on one device."""
        device = self.tokens.device
        drawn = torch.Generator(device).manual_seed(self.seed)
        return torch.randn(self.tokens.shape, generator=drawn, device=device)


def load_latents(path: Path, prefix: str) -> list[Tensor]:
    """Load all (16, h, w) float16 latents under a prefix, normalised per channel."""
    with safe_open(path, framework="pt") as file:
        mean, std = (file.get_tensor(k)[:, None, None] for k in ("mean", "std"))
        names = sorted(name for name in file.keys() if name.startswith(prefix + "/"))  # noqa: SIM118
        return [((file.get_tensor(name).float() - mean) / std).half() for name in names]


def blob(grid: Grid, rng: np.random.Generator) -> np.ndarray:
    """Draw a random ellipse that covers about 3 to 35 % of the grid: (rows * columns,) bool."""
    row, column = np.mgrid[: grid[0], : grid[1]] / np.reshape(grid, (2, 1, 1))
    y, x = rng.uniform(0.2, 0.8, 2)
    a, b = rng.uniform(0.1, 0.33, 2)
    angle = rng.uniform(0, np.pi)
    u = (row - y) * np.cos(angle) + (column - x) * np.sin(angle)
    v = (column - x) * np.cos(angle) - (row - y) * np.sin(angle)
    return ((u / a) ** 2 + (v / b) ** 2 <= 1).ravel()


def positions(grid: Grid, stretch: float, offset: np.ndarray) -> Tensor:
    """Return the grid's (rows * columns, 3) positions, stretched, then moved by (row, column)."""
    ids = image_ids(grid) * stretch
    ids[:, 1:] += torch.from_numpy(offset).float()
    return ids


def draw_times(count: int, params: TransformerParams, rng: np.random.Generator) -> np.ndarray:
    """Draw (count,) timesteps in (0, 1): logit-normal, a share of them uniform."""
    normal = rng.normal(params.time_mean, params.time_std, count)
    uniform = rng.random(count)
    return np.where(rng.random(count) < params.uniform_share, uniform, 1 / (1 + np.exp(-normal)))


def make_batch(
    latents: list[Tensor], params: TransformerParams, step: int, rank: int, grid: Grid
) -> Batch:
    """Make a batch: random crops, timesteps and positions, and for a share of batches a blob."""
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
    loss_mask, outside = np.ones((count, rows * columns)), times
    if rng.random() < params.masked_share:
        loss_mask = np.stack([blob(grid, rng) for _ in range(count)])
        outside = times * rng.uniform(0, 1, count) * (rng.random(count) < 0.7)
    stretch = rng.uniform(0.8, 1.6) if rng.random() < params.stretched_share else 1.0
    offset = rng.integers(0, 9, 2) if rng.random() < 0.5 else np.zeros(2)

    def column(values: np.ndarray) -> Tensor:
        return torch.from_numpy(np.asarray(values)).float().reshape(count, -1, 1)

    return Batch(
        tokens=tokens,
        times=column(times),
        outside_times=column(outside),
        loss_mask=column(loss_mask),
        ids=positions(grid, stretch, offset),
        seed=seed_for(params.seed, "flow noise", step, rank),
    )


def velocity(model: FluxTransformer2DModel, z: Tensor, t: Tensor, ids: Tensor) -> Tensor:
    """Compute v(z, t) of (B, N, 64) tokens at (B,) timesteps, with one text token of zeros."""
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


def compute_loss(model: FluxTransformer2DModel, batch: Batch) -> Tensor:
    """Compute the mean squared error of the velocity over the tokens in `loss_mask`."""
    times = batch.loss_mask * batch.times + (1 - batch.loss_mask) * batch.outside_times
    noise = batch.noise()
    z = (1 - times) * batch.tokens + times * noise
    error = velocity(model, z, batch.times.flatten(), batch.ids) - (noise - batch.tokens)
    squared = error.square().mean(-1, keepdim=True) * batch.loss_mask
    return squared.sum() / batch.loss_mask.sum().clamp(min=1)


def choose_grid(params: TransformerParams, large: bool, step: int) -> Grid:
    """Choose the crop size of a step, in tokens; every second batch is large if `large` is set."""
    if not large or step % 2 == 0:
        return params.grid
    return params.large_grids[step // 2 % len(params.large_grids)]


def _make_step_batch(
    latents: list[Tensor], params: TransformerParams, rank: int, large: bool, step: int
) -> Batch:
    return make_batch(latents, params, step, rank, choose_grid(params, large, step))


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
    """Train, or resume from the checkpoint in `out`, until the steps or minutes are used up.

    The budget includes what was used before resuming. Returns the checkpoint's path.
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
        optimisers(model, params.lr, params.weight_decay, OUTER),
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
        make = partial(_make_step_batch, latents, params, worker.rank, large)
        feed = batches(make, loop.step, worker.loaders)
        while loop.progress < until:
            loss = compute_loss(model, next(feed).to(worker.device))
            loop.update(loss, loss.item())
    loop.save()
    return loop.path


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder, with latents")
    parser.add_argument("--minutes", type=float, default=50)
    parser.add_argument("--latents", type=Path, help="folder with the latents; default: --out")
    parser.add_argument(
        "--heads", type=int, help="number of heads of 64 channels: the model's width"
    )
    parser.add_argument("--single-blocks", type=int)
    add_machine_arguments(parser)
    args = parser.parse_args()
    log_to_stderr()
    latents = load_latents((args.latents or args.out) / LATENTS, "train")
    params = TransformerParams() if args.device == "cpu" else ON_GPU
    sizes = {"heads": args.heads, "single_blocks": args.single_blocks}
    params = replace(params, **{name: value for name, value in sizes.items() if value})
    run_workers(
        args.workers,
        lambda worker: train(latents, args.out, params, worker, steps=None, minutes=args.minutes),
        args.device,
    )


if __name__ == "__main__":
    main()
