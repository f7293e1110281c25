"""Train the compact AutoencoderKL: `python -m training.autoencoder --photos DIR --out DIR`."""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from stages.engine.seeding import generator, seed_for
from training.data import Photo, load_photos, random_crop, split
from training.fused_norm import compile_kernel, fuse
from training.models import autoencoder
from training.optim import (
    Ema,
    learning_rate,
    load_checkpoint,
    optimisers,
    save_atomically,
)
from training.runtime import Worker, log_to_stderr, together

log = logging.getLogger("autoencoder")

CHECKPOINT = "autoencoder.pt"


@dataclass(frozen=True)
class AutoencoderParams:
    """What decides the trained autoencoder besides the photos and the time it is given."""

    seed: int = 0
    block_out_channels: tuple[int, ...] = (32, 64, 96, 96)
    crop: int = 128
    batch: int = 4
    """Crops a step and worker."""
    scales: tuple[float, float] = (0.5, 1.6)
    lr: float = 1.5e-3
    weight_decay: float = 0.02
    ema: float = 0.998
    squared: float = 2.0
    kl: float = 5e-5
    lpips: float = 0.1
    lpips_from: float = 0.7
    clip: float = 1.0


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

    The schedule follows whichever budget is further spent. With `steps` alone a resumed run equals
    an uninterrupted one bit for bit on one machine. Returns the checkpoint's path.
    """
    torch.manual_seed(seed_for(params.seed, "autoencoder", "weights"))
    model: Any = autoencoder(params.block_out_channels)
    fuse(model.to(memory_format=torch.channels_last), compile_kernel(out / "build"))
    opts = optimisers(
        model, params.lr, params.weight_decay, ("encoder.conv_in", "decoder.conv_out")
    )
    ema = Ema(model, params.ema)
    path = out / CHECKPOINT
    step, spent = 0, 0.0
    if (tree := load_checkpoint(path)) is not None:
        model.load_state_dict(tree["model"])
        ema.load_state_dict(tree["ema"])
        for opt, state in zip(opts, tree["opts"], strict=True):
            opt.load_state_dict(state)
        step, spent = tree["step"], tree["seconds"]
        log.info("resumed at step %d, %.1f min", step, spent / 60)

    def save() -> None:
        save_atomically(
            path,
            {
                "model": model.state_dict(),
                "ema": ema.state_dict(),
                "opts": [opt.state_dict() for opt in opts],
                "step": step,
                "seconds": spent,
                "workers": worker.world,
                "block_out_channels": list(params.block_out_channels),
            },
        )

    perceptual = None
    started = saved = mark = time.monotonic()
    before, errors = spent, []
    log.info(
        "%d photos, %.2f M parameters",
        len(photos),
        sum(p.numel() for p in model.parameters()) / 1e6,
    )
    while True:
        progress = max(step / steps if steps else 0.0, spent / 60 / minutes if minutes else 0.0)
        if progress >= 1:
            break
        if perceptual is None and params.lpips and progress >= params.lpips_from:
            perceptual = perceptual_loss()
        noise = torch.Generator().manual_seed(seed_for(params.seed, "noise", step, worker.rank))
        loss, error = loss_of(
            model, batch_at(photos, params, step, worker.rank), params, perceptual, noise
        )
        for opt in opts:
            opt.zero_grad(set_to_none=True)
            for group in opt.param_groups:
                group["lr"] = params.lr * learning_rate(progress)
        loss.backward()
        worker.average_gradients(model)
        norm = nn.utils.clip_grad_norm_(model.parameters(), params.clip)
        for opt in opts:
            opt.step()
        ema.update(model)
        step += 1
        spent = before + float(worker.average(torch.tensor(time.monotonic() - started)))
        now = time.monotonic()
        errors.append(error)
        if step % 50 == 0 and worker.leads:
            psnr = -10 * np.log10(np.mean(errors) / 4)
            rate = len(errors) * params.batch * worker.world / (now - mark)
            log.info(
                "step %d %.1f%% loss %.4f psnr %.2f norm %.2f %.1f crops/s",
                step,
                100 * progress,
                loss.item(),
                psnr,
                float(norm),
                rate,
            )
            errors, mark = [], now
        if worker.leads and now - saved > save_every:
            save()
            saved = now
    if worker.leads:
        save()
    return path


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
