"""Encode the photos once: `python -m training.latents --photos DIR --out DIR`.

Encodes one large view of every photo (more with ``--views``), so that cutting crops for the
transformer costs nothing.
"""

from __future__ import annotations

import argparse
import logging
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from stages.engine.files import replacing
from stages.records.seeding import generator
from training.data import Photo, load_photos, split
from training.export import load_trained_autoencoder
from training.feed import batches
from training.fused_norm import compile_kernel, fuse_norms
from training.runtime import Worker, add_machine_arguments, log_to_stderr, run_workers
from training.transformer import LATENTS

log = logging.getLogger("latents")

SCALES = {1.0: 0.6, 0.68: 0.3, 1.5: 0.1}
"""Scale of a view to its probability; work windows of photos are enlarged and reduced too."""

SIDES = (256, 512)
"""Minimum and maximum side of a view, px."""


def draw_view(photo: Photo, number: int = 0) -> np.ndarray:
    """Draw a (H, W, 3) uint8 view of a photo, sides multiples of 16 in 256..512 px.

    Scale, crop and mirroring depend only on the key and the view's number.
    """
    rng = generator(0, photo.key, "view", *([number] if number else []))
    pixels = photo.pixels
    height, width = pixels.shape[:2]
    scale = float(rng.choice(list(SCALES), p=list(SCALES.values())))
    scale = max(scale, SIDES[0] / min(height, width))
    if scale != 1.0:
        size = (round(width * scale), round(height * scale))
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
    rows, columns = (min(side, SIDES[1]) // 16 * 16 for side in pixels.shape[:2])
    y = int(rng.integers(pixels.shape[0] - rows + 1))
    x = int(rng.integers(pixels.shape[1] - columns + 1))
    pixels = pixels[y : y + rows, x : x + columns]
    return (pixels[:, ::-1] if rng.random() < 0.5 else pixels).copy()


@torch.inference_mode()
def encode(model: Any, pixels: np.ndarray) -> Tensor:
    """Encode (H, W, 3) uint8 to the posterior's mode, (16, H/8, W/8) float16, in bfloat16."""
    device = model.device
    x = torch.from_numpy(pixels).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.autocast(device.type, torch.bfloat16):
        posterior = model.encode(x.contiguous(memory_format=torch.channels_last)).latent_dist
    return posterior.mode()[0].half().contiguous().cpu()


def _part_path(run: Path, rank: int) -> Path:
    return run / f"latents-{rank}.safetensors"


def _draw_nth_view(photos: list[Photo], number: int) -> np.ndarray:
    """Draw the view with this number in the order: first views of all photos, second views, ..."""
    return draw_view(photos[number % len(photos)], number // len(photos))


def encode_share(
    photos: list[Photo], prefix: str, run: Path, worker: Worker, views: int = 1
) -> dict[str, Tensor]:
    """Encode this worker's share of the photos; key latents by `<prefix>/<key>.<view number>`."""
    model: Any = load_trained_autoencoder(run)
    model.to(worker.device, memory_format=torch.channels_last)
    if worker.device.type == "cpu":
        fuse_norms(model, compile_kernel(run / "build"))
    share, encoded = photos[worker.rank :: worker.world], dict[str, Tensor]()
    count = len(share) * views
    pixels = batches(partial(_draw_nth_view, share), 0, worker.loaders) if share else iter(())
    for number, one in enumerate(islice(pixels, count)):
        key = share[number % len(share)].key
        encoded[f"{prefix}/{key}.{number // len(share)}"] = encode(model, one)
        if number % 200 == 0 and worker.is_leader:
            log.info("%s: %d of %d", prefix, number * worker.world, count * worker.world)
    return encoded


def statistics(latents: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """Compute mean and standard deviation per channel (16,) over all training latents."""
    count, first, second = 0, torch.zeros(16, dtype=torch.float64), 0.0
    for name, latent in latents.items():
        if name.startswith("train/"):
            flat = latent.flatten(1).double()
            count += flat.shape[1]
            first = first + flat.sum(1)
            second = second + flat.square().sum(1)
    mean = first / count
    return mean.float(), (second / count - mean.square()).sqrt().float()


def cache_latents(
    photos: Path, run: Path, workers: int, device: str = "cpu", views: int = 1
) -> Path:
    """Write the latents of train and held-out photos, with their statistics, to one file.

    Args:
        photos: folder of the shards.
        run: folder of the run, with the autoencoder's checkpoint.
        workers: number of processes.
        device: device to encode on.
        views: number of views per training photo; held-out photos have one.
    """
    train, held_out, _ = split(load_photos(photos))

    def work(worker: Worker) -> None:
        encoded = encode_share(held_out, "held-out", run, worker)
        encoded |= encode_share(train, "train", run, worker, views)
        with replacing(_part_path(run, worker.rank)) as partial:
            save_file(encoded, partial)

    run_workers(workers, work, device)
    parts = [_part_path(run, rank) for rank in range(workers if device == "cpu" else 1)]
    merged = {name: value for part in parts for name, value in load_file(part).items()}
    merged["mean"], merged["std"] = statistics(merged)
    with replacing(run / LATENTS) as partial:
        save_file(merged, partial)
    for part in parts:
        part.unlink()
    log.info("std per channel %s", [round(v, 2) for v in merged["std"].tolist()])
    return run / LATENTS


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the run's folder")
    parser.add_argument("--views", type=int, default=1, help="number of views per training photo")
    add_machine_arguments(parser)
    args = parser.parse_args()
    log_to_stderr()
    cache_latents(args.photos, args.out, args.workers, args.device, args.views)


if __name__ == "__main__":
    main()
