"""Write checkpoints as a diffusers folder: `python -m training.export --run DIR --to DIR`."""

from __future__ import annotations

import argparse
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import Tensor

from stages.engine.files import replacing
from training import autoencoder as autoencoder_run
from training import transformer as transformer_run
from training.models import LATENT_CHANNELS, AutoencoderKL, FluxTransformer2DModel
from training.models import autoencoder as build_autoencoder
from training.models import transformer as build_transformer
from training.optim import load_checkpoint
from training.runtime import log_to_stderr

log = logging.getLogger("export")

SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "max_image_seq_len": 4096,
    "max_shift": 1.15,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "use_dynamic_shifting": True,
}
"""Scheduler configuration with the time shift of FLUX.1-dev."""


@torch.no_grad()
def fold_normalisation(model: Any, mean: Tensor, std: Tensor) -> None:
    """Normalise latents to z' = (z - mean) / std per channel (16,), in place; keep what is decoded.

    AutoencoderKL's configuration has only one scalar factor, so the encoder's last 1x1 convolution
    and the decoder's first one absorb the sixteen factors.
    """
    last, first = model.quant_conv, model.post_quant_conv
    moments = slice(0, LATENT_CHANNELS), slice(LATENT_CHANNELS, None)
    last.weight[moments[0]] /= std[:, None, None, None]
    last.bias[moments[0]] = (last.bias[moments[0]] - mean) / std
    last.bias[moments[1]] -= 2 * std.log()
    first.bias += first.weight[:, :, 0, 0] @ mean
    first.weight *= std[None, :, None, None]


def load_trained_autoencoder(run: Path) -> AutoencoderKL:
    """Load the run's autoencoder (moving average), its latents not yet normalised.

    Raises FileNotFoundError if there is no checkpoint.
    """
    tree = load_checkpoint(run / autoencoder_run.CHECKPOINT)
    if tree is None:
        raise FileNotFoundError(f"no {autoencoder_run.CHECKPOINT} in {run}")
    model = build_autoencoder(tuple(tree["block_out_channels"]))
    model.load_state_dict(tree["ema"]["tensors"])
    return model.eval()


def load_normalised_autoencoder(run: Path) -> AutoencoderKL:
    """Load the run's autoencoder and fold in the statistics of cached latents, if there are any."""
    model = load_trained_autoencoder(run)
    cached = run / transformer_run.LATENTS
    if cached.exists():
        with safe_open(cached, framework="pt") as file:
            fold_normalisation(model, file.get_tensor("mean"), file.get_tensor("std"))
    model.register_to_config(scaling_factor=1.0, shift_factor=0.0)
    return model.eval()


def load_trained_transformer(run: Path) -> FluxTransformer2DModel:
    """Load the run's transformer (moving average); make an untrained one if there is none."""
    tree = load_checkpoint(run / transformer_run.CHECKPOINT)
    if tree is None:
        log.info("no transformer checkpoint: exporting an untrained one")
        torch.manual_seed(0)
        return build_transformer(**transformer_run.TransformerParams().shape()).eval()
    model = build_transformer(**tree["shape"])
    model.load_state_dict(tree["ema"]["tensors"])
    return model.eval()


def _save(model: Any, folder: Path) -> None:
    model.half().save_pretrained(folder, safe_serialization=True)
    config = folder / "config.json"
    content = json.loads(config.read_text())
    content.pop("_name_or_path", None)
    config.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n")


def export(run: Path, to: Path) -> None:
    """Write vae/, transformer/ and scheduler/ with fp16 safetensors, each file atomically."""
    to.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=to.parent) as name:
        staged = Path(name)
        _save(load_normalised_autoencoder(run), staged / "vae")
        _save(load_trained_transformer(run), staged / "transformer")
        (staged / "scheduler").mkdir()
        text = json.dumps(SCHEDULER, indent=2, sort_keys=True) + "\n"
        (staged / "scheduler" / "scheduler_config.json").write_text(text)
        for file in sorted(path for path in staged.rglob("*") if path.is_file()):
            # Copy, not move: the library that wrote `file` may have restricted its permissions.
            with replacing(to / file.relative_to(staged)) as partial:
                shutil.copyfile(file, partial)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--to", type=Path, required=True, help="folder to write, weights/compact")
    args = parser.parse_args()
    log_to_stderr()
    export(args.run, args.to)


if __name__ == "__main__":
    main()
