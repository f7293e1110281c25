"""Measure the compact model: `python -m training.evaluate --weights DIR --photos DIR`.

Uses the weights through `stages.models.flow.model.Flow`, as the stages do. Prints JSON: autoencoder
PSNR and LPIPS on held-out photos and on the CC0 sample photos, the flow's held-out loss by
timestep, and the distance of un-anchored FireFlow inversion and reconstruction from the
autoencoder's reconstruction.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from stages.models import registry
from stages.models.flow.model import Flow
from stages.models.flow.solvers import integrate, schedule
from stages.records.seeding import seed_for
from training.data import Photo, center_crop, load_photos, split
from training.runtime import log_to_stderr

log = logging.getLogger("evaluate")

SIDE = 512
"""Maximum side of evaluated photos in px; photos are cropped, never enlarged."""
TIMES = (0.05, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    """Compute the peak signal-to-noise ratio in dB of two pictures in 0..255."""
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b.astype(float)) ** 2)))


def library_photos() -> list[Photo]:
    """Load the CC0 or public-domain photos of scikit-image's wheel."""
    from skimage import data

    names = ("astronaut", "chelsea", "coffee", "rocket")
    return [Photo(n, "scikit-image", "CC0-1.0", np.asarray(getattr(data, n)())) for n in names]


def reconstruct(flow: Flow, pixels: np.ndarray) -> np.ndarray:
    """Encode and decode (H, W, 3) uint8 pixels."""
    grid = pixels.shape[0] // 16, pixels.shape[1] // 16
    return flow.decode(flow.encode(pixels)[0], grid).round().astype(np.uint8)


def native_crop(pixels: np.ndarray) -> np.ndarray:
    """Cut the central crop of whole tokens, at most SIDE px a side, at the photo's resolution."""
    rows, columns = (min(SIDE, side) // 16 * 16 for side in pixels.shape[:2])
    y, x = (pixels.shape[0] - rows) // 2, (pixels.shape[1] - columns) // 2
    return np.ascontiguousarray(pixels[y : y + rows, x : x + columns])


def autoencoder_quality(flow: Flow, photos: list[Photo]) -> dict[str, float]:
    """Measure mean and worst PSNR, and mean LPIPS, over the photos at their own resolution."""
    metric = registry.metric("compact")
    crops = [native_crop(photo.pixels) for photo in photos]
    decoded = [reconstruct(flow, crop) for crop in crops]
    found = [psnr(a, b) for a, b in zip(crops, decoded, strict=True)]
    apart = [metric.distance(a, b) for a, b in zip(crops, decoded, strict=True)]
    return {
        "photos": len(found),
        "mean_db": round(float(np.mean(found)), 2),
        "min_db": round(min(found), 2),
        "lpips": round(float(np.mean(apart)), 4),
    }


def flow_loss(flow: Flow, photos: list[Photo], side: int) -> dict[str, float]:
    """Measure the mean squared velocity error at each of `TIMES` on crops of side x side tokens."""
    grid = side, side
    tokens = torch.cat([flow.encode(center_crop(p.pixels, 16 * side)) for p in photos])
    noise = torch.Generator().manual_seed(seed_for(0, "evaluate", side))
    errors: dict[str, float] = {}
    for t in TIMES:
        epsilon = torch.randn(tokens.shape, generator=noise)
        found = flow.velocity((1 - t) * tokens + t * epsilon, t, grid)
        errors[f"{t:.2f}"] = round((found - (epsilon - tokens)).square().mean().item(), 4)
    errors["mean"] = round(float(np.mean(list(errors.values()))), 4)
    return errors


def invert_and_denoise(flow: Flow, pixels: np.ndarray, steps: int) -> tuple[np.ndarray, float]:
    """Invert with FireFlow and denoise, un-anchored; return (picture, std of the noise)."""
    grid = pixels.shape[0] // 16, pixels.shape[1] // 16
    tokens = flow.encode(pixels)
    times = schedule(steps, flow.shift(tokens.shape[1]))

    def velocity(z: Any, t: float) -> Any:
        return flow.velocity(z, t, grid)

    noise = integrate("fireflow", velocity, tokens, times)
    back = integrate("fireflow", velocity, noise, times[::-1])
    return flow.decode(back[0], grid).round().astype(np.uint8), noise.std().item()


def inversion_quality(
    flow: Flow, photos: list[Photo], steps: int, pictures: Path | None
) -> dict[str, float]:
    """Measure inversion and denoising by PSNR against the photo and its autoencoder reconstruction.

    Photos keep their resolution. If `pictures` is given, writes photo, decoded and inverted there.
    """
    against_decoded, against_photo, deviations = [], [], []
    for photo in photos:
        pixels = native_crop(photo.pixels)
        decoded = reconstruct(flow, pixels)
        back, deviation = invert_and_denoise(flow, pixels, steps)
        against_decoded.append(psnr(decoded, back))
        against_photo.append(psnr(pixels, back))
        deviations.append(deviation)
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            row = np.concatenate([pixels, decoded, back], axis=1)
            Image.fromarray(row).save(pictures / f"{photo.key}.png")
    return {
        "photos": len(photos),
        "steps": steps,
        "against_autoencoder_db": round(float(np.mean(against_decoded)), 2),
        "against_photo_db": round(float(np.mean(against_photo)), 2),
        "noise_std": round(float(np.mean(deviations)), 3),
    }


def draw_samples(flow: Flow, count: int, side: int, steps: int) -> np.ndarray:
    """Draw unconditional samples side by side: (16 side, count * 16 side, 3) uint8."""
    noise = torch.Generator().manual_seed(seed_for(0, "samples"))
    grid = side, side
    start = torch.randn(count, side * side, 64, generator=noise)
    times = schedule(steps, flow.shift(side * side))[::-1]
    tokens = integrate("rf_solver", lambda z, t: flow.velocity(z, t, grid), start, times)
    pictures = [flow.decode(one, grid).round().astype(np.uint8) for one in tokens]
    return np.concatenate(pictures, axis=1)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True, help="a diffusers folder")
    parser.add_argument("--photos", type=Path, required=True, help="folder of the training shards")
    parser.add_argument("--pictures", type=Path, help="folder for PNGs: photo, decoded, inverted")
    parser.add_argument("--count", type=int, default=16, help="photos for the flow's figures")
    parser.add_argument("--part", choices=("all", "autoencoder", "flow"), default="all")
    args = parser.parse_args()
    log_to_stderr()
    flow = Flow.load(args.weights)
    _, held_out, shards = split(load_photos(args.photos))
    sample_photos = library_photos() + shards
    report: dict[str, Any] = {}
    if args.part != "flow":
        report["autoencoder"] = {
            "held_out": autoencoder_quality(flow, held_out),
            "samples": autoencoder_quality(flow, sample_photos),
        }
    if args.part != "autoencoder":
        chosen = held_out[: args.count]
        report["flow_loss_16x16"] = flow_loss(flow, chosen, 16)
        report["flow_loss_24x24"] = flow_loss(flow, chosen, 24)
        report["inversion_held_out"] = inversion_quality(flow, chosen[:8], 8, None)
        report["inversion_samples"] = inversion_quality(
            flow, sample_photos[: min(8, args.count)], 8, args.pictures
        )
        if args.pictures is not None:
            Image.fromarray(draw_samples(flow, 6, 16, 16)).save(args.pictures / "samples.png")
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
