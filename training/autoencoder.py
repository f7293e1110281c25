"""Train the compact AutoencoderKL: `python -m training.autoencoder --photos DIR --out DIR`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stages.records.seeding import generator, seed_for
from training.data import Photo, load_photos, random_crop, split
from training.feed import batches
from training.fused_norm import compile_kernel, fuse_norms
from training.loop import Budget, Loop, Recipe
from training.models import autoencoder
from training.optim import optimisers
from training.runtime import Worker, add_machine_arguments, log_to_stderr, run_workers

log = logging.getLogger("autoencoder")

CHECKPOINT = "autoencoder.pt"


@dataclass(frozen=True, kw_only=True)
class AutoencoderParams(Recipe):
    """Training parameters of the autoencoder; photos and budget decide the rest."""

    block_out_channels: tuple[int, ...] = (32, 64, 96, 96)
    crop: int = 128
    batch: int = 4
    scales: tuple[float, float] = (0.5, 1.6)
    lr: float = 1.5e-3
    ema: float = 0.998
    squared: float = 2.0
    kl: float = 5e-5
    lpips: float = 0.1
    lpips_from: float = 0.7


ON_GPU = AutoencoderParams(batch=64, ema=0.9995, lpips_from=0.5)
"""Parameters for training on a GPU."""


def make_batch(photos: list[Photo], params: AutoencoderParams, rank: int, step: int) -> Tensor:
    """Make a (B, 3, crop, crop) uint8 batch, which depends only on seed, rank and step."""
    rng = generator(params.seed, "autoencoder", step, rank)
    chosen = rng.integers(len(photos), size=params.batch)
    crops = [random_crop(photos[i].pixels, params.crop, params.scales, rng) for i in chosen]
    return torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)


def compute_loss(
    model: Any,
    x: Tensor,
    params: AutoencoderParams,
    perceptual: Callable[[Tensor, Tensor], Tensor] | None,
    noise: torch.Generator,
) -> tuple[Tensor, float]:
    """Compute (loss, mean squared error) of a (B, 3, H, W) batch in [-1, 1].

    The generator `noise` has to be on the batch's device.
    """
    with torch.autocast(x.device.type, torch.bfloat16):
        posterior = model.encode(x).latent_dist
        epsilon = torch.randn(posterior.mean.shape, generator=noise, device=x.device)
        z = posterior.mean + posterior.std * epsilon
        y = model.decode(z).sample
    error = y.float() - x
    squared = error.square().mean()
    kl = posterior.kl().mean() / posterior.mean[0].numel()
    loss = error.abs().mean() + params.squared * squared + params.kl * kl
    if perceptual is not None:
        loss = loss + params.lpips * perceptual(x, y.float())
    return loss, squared.item()


def train(
    photos: list[Photo],
    out: Path,
    params: AutoencoderParams,
    worker: Worker,
    *,
    steps: int | None,
    minutes: float | None,
    save_every: float = 120.0,
) -> Path:
    """Train, or resume from the checkpoint in `out`, until the steps or minutes are used up.

    The budget includes what was used before resuming. Returns the checkpoint's path.
    """
    torch.manual_seed(seed_for(params.seed, "autoencoder", "weights"))
    model: Any = autoencoder(params.block_out_channels)
    model.to(worker.device, memory_format=torch.channels_last)
    prepare(model, out, worker)
    log.info("%d photos", len(photos))
    loop = Loop(
        model,
        params,
        optimisers(model, params.lr, params.weight_decay, ("encoder.conv_in", "decoder.conv_out")),
        worker,
        Budget(steps, minutes),
        out / CHECKPOINT,
        shape={"block_out_channels": list(params.block_out_channels)},
        describe=lambda error: f"psnr {-10 * np.log10(error / 4):.2f}",
        save_every=save_every,
    )
    perceptual = None
    feed = batches(partial(make_batch, photos, params, worker.rank), loop.step, worker.loaders)
    while loop.progress < 1:
        if perceptual is None and params.lpips and loop.progress >= params.lpips_from:
            perceptual = perceptual_loss(worker.device)
        noise = torch.Generator(worker.device).manual_seed(
            seed_for(params.seed, "noise", loop.step, worker.rank)
        )
        x = next(feed).to(worker.device).float() / 127.5 - 1
        x = x.contiguous(memory_format=torch.channels_last)
        loop.update(*compute_loss(model, x, params, perceptual, noise))
    loop.save()
    return loop.path


def prepare(model: Any, out: Path, worker: Worker) -> None:
    """Optimise the autoencoder in place: fuse its norms on a CPU, compile it on a GPU."""
    if worker.device.type == "cpu":
        fuse_norms(model, compile_kernel(out / "build"))
    else:
        model.encoder.compile()
        model.decoder.compile()


def perceptual_loss(device: torch.device) -> Callable[[Tensor, Tensor], Tensor]:
    """Load LPIPS (AlexNet). Raises FileNotFoundError if its weights were not fetched."""
    from training.perceptual import Lpips

    return Lpips(device)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=35)
    add_machine_arguments(parser)
    args = parser.parse_args()
    log_to_stderr()
    photos, _, _ = split(load_photos(args.photos))
    params = AutoencoderParams() if args.device == "cpu" else ON_GPU
    run_workers(
        args.workers,
        lambda worker: train(photos, args.out, params, worker, steps=None, minutes=args.minutes),
        args.device,
    )


if __name__ == "__main__":
    main()
