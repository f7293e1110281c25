"""Train the compact AutoencoderKL: `python -m training.autoencoder --photos DIR --out DIR`."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from stages.engine.seeding import generator, seed_for
from training.data import Photo, load_photos, random_crop, split
from training.fused_norm import compile_kernel, fuse
from training.loop import Budget, Loop, Recipe
from training.models import autoencoder
from training.runtime import Worker, log_to_stderr, together

log = logging.getLogger("autoencoder")

CHECKPOINT = "autoencoder.pt"


@dataclass(frozen=True, kw_only=True)
class AutoencoderParams(Recipe):
    """What decides the trained autoencoder besides the photos and the time it is given."""

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


def batch_at(photos: list[Photo], params: AutoencoderParams, step: int, rank: int) -> Tensor:
    """The (B, 3, crop, crop) float batch in [-1, 1] of a step: depends on seed and step alone."""
    rng = generator(params.seed, "autoencoder", step, rank)
    chosen = rng.integers(len(photos), size=params.batch)
    crops = [random_crop(photos[i].pixels, params.crop, params.scales, rng) for i in chosen]
    pixels = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
    return (pixels.float() / 127.5 - 1).to(memory_format=torch.channels_last)


def loss_of(
    model: Any,
    x: Tensor,
    params: AutoencoderParams,
    perceptual: Callable[[Tensor, Tensor], Tensor] | None,
    noise: torch.Generator,
) -> tuple[Tensor, float]:
    """(loss, mean squared error in [-1, 1] units) of a batch."""
    with torch.autocast("cpu", torch.bfloat16):
        posterior = model.encode(x).latent_dist
        z = posterior.mean + posterior.std * torch.randn(posterior.mean.shape, generator=noise)
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
    """Train, or resume from `out`'s checkpoint, until the steps or minutes in all are spent.

    Returns the checkpoint's path.
    """
    torch.manual_seed(seed_for(params.seed, "autoencoder", "weights"))
    model: Any = autoencoder(params.block_out_channels)
    fuse(model.to(memory_format=torch.channels_last), compile_kernel(out / "build"))
    log.info("%d photos", len(photos))
    loop = Loop(
        model,
        params,
        ("encoder.conv_in", "decoder.conv_out"),
        worker,
        Budget(steps, minutes),
        out / CHECKPOINT,
        shape={"block_out_channels": list(params.block_out_channels)},
        describe=lambda error: f"psnr {-10 * np.log10(error / 4):.2f}",
        save_every=save_every,
    )
    perceptual = None
    while loop.progress < 1:
        if perceptual is None and params.lpips and loop.progress >= params.lpips_from:
            perceptual = perceptual_loss()
        noise = torch.Generator().manual_seed(
            seed_for(params.seed, "noise", loop.step, worker.rank)
        )
        batch = batch_at(photos, params, loop.step, worker.rank)
        loop.update(*loss_of(model, batch, params, perceptual, noise))
    loop.save()
    return loop.path


def perceptual_loss() -> Callable[[Tensor, Tensor], Tensor]:
    """LPIPS (AlexNet). Raises FileNotFoundError where its weights were not fetched."""
    from training.perceptual import Lpips

    return Lpips()


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=35)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    log_to_stderr()
    photos, _, _ = split(load_photos(args.photos))
    params = AutoencoderParams()
    together(
        args.workers,
        lambda worker: train(photos, args.out, params, worker, steps=None, minutes=args.minutes),
    )


if __name__ == "__main__":
    main()
