"""Write the model card: `python -m training.card --photos DIR --run DIR --figures FILE --to DIR`.

Sources and licences are counted from the shards' JSON; steps and parameter counts are read from the
run and the weights, figures from the output of `training.evaluate`.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from pathlib import Path
from typing import Any

from safetensors import safe_open

from stages.engine.files import write_atomically
from training import autoencoder, transformer
from training.data import Photo, load_photos, split
from training.optim import load_checkpoint

TEMPLATE = Path(__file__).with_suffix(".md")


def count_parameters(folder: Path) -> float:
    """Count the parameters in a folder's safetensors file, in millions."""
    with safe_open(folder / "diffusion_pytorch_model.safetensors", framework="pt") as file:
        return sum(file.get_tensor(k).numel() for k in file.keys()) / 1e6  # noqa: SIM118


def sources_table(photos: list[Photo]) -> str:
    """Write Markdown rows: photos per source and licence, most first."""
    counts = Counter((photo.source, photo.licence) for photo in photos)
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "\n".join(f"| {n} | {source} | {licence} |" for (source, licence), n in rows)


def figures_table(report: dict[str, Any]) -> str:
    """Write Markdown rows of the figures that `training.evaluate` reported."""
    rows: list[tuple[str, str]] = []
    for name, words in (("held_out", "held-out photos"), ("samples", "sample photos")):
        found = report["autoencoder"][name]
        text = f"autoencoder PSNR, {found['photos']} {words}, up to 512 px (mean, worst, LPIPS)"
        rows.append((text, f"{found['mean_db']} dB, {found['min_db']} dB, {found['lpips']}"))
    for side in ("16x16", "24x24"):
        found = report[f"flow_loss_{side}"]
        for t, value in found.items():
            when = t if t == "mean" else f"t = {t}"
            rows.append((f"flow loss, {side} tokens, {when}", str(value)))
    for name, words in (("held_out", "held-out photos"), ("samples", "sample photos")):
        found = report[f"inversion_{name}"]
        text = (
            f"FireFlow, {found['steps']} steps and back, nothing anchored, {found['photos']}"
            f" {words} up to 512 px: PSNR against the autoencoder, against the photo"
        )
        value = f"{found['against_autoencoder_db']} dB, {found['against_photo_db']} dB"
        rows += [(text, value), (f"std of the inverted noise, {words}", str(found["noise_std"]))]
    return "\n".join(f"| {text} | {value} |" for text, value in rows)


def render_card(photos: list[Photo], run: Path, weights: Path, report: dict[str, Any]) -> str:
    """Render the model card. Raises FileNotFoundError if a checkpoint is missing."""
    trees = [load_checkpoint(run / m.CHECKPOINT) for m in (autoencoder, transformer)]
    if trees[0] is None or trees[1] is None:
        raise FileNotFoundError(f"{run} lacks a checkpoint")
    vae, flow = trees[0], trees[1]
    train, held_out, samples = split(photos)
    first, second = autoencoder.AutoencoderParams(), transformer.TransformerParams()
    return TEMPLATE.read_text().format(
        transformer_size=count_parameters(weights / "transformer"),
        vae_size=count_parameters(weights / "vae"),
        train=len(train),
        held_out=len(held_out),
        excluded=len(samples),
        sources=sources_table(train),
        vae_steps=vae["step"],
        vae_crops=vae["crops"],
        vae_machine=vae["machine"],
        crop=first.crop,
        vae_minutes=vae["seconds"] / 60,
        flow_steps=flow["step"],
        flow_crops=flow["crops"],
        flow_machine=flow["machine"],
        grid="{} x {}".format(*second.grid),
        flow_minutes=flow["seconds"] / 60,
        squared=first.squared,
        kl=first.kl,
        lpips=first.lpips,
        figures=figures_table(report),
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument(
        "--figures",
        type=Path,
        required=True,
        nargs="+",
        help="outputs of training.evaluate, whole or by part",
    )
    parser.add_argument("--to", type=Path, required=True, help="the weights' folder")
    args = parser.parse_args()
    report: dict[str, Any] = {}
    for path in args.figures:
        report |= json.loads(path.read_text())
    text = render_card(load_photos(args.photos), args.run, args.to, report)
    write_atomically(args.to / "README.md", text.encode())


if __name__ == "__main__":
    main()
