"""Calibrate a trained inspector and write its weights.

`python -m applications.training.compact.export --run DIR --pairs DIR --to weights/inspector`
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from applications.commands import run_command
from applications.evaluation.metrics.boxes import Boxes, as_boxes
from applications.inspectors.compact import weights
from applications.inspectors.compact.network import InspectorNetwork
from applications.inspectors.compact.predict import Heat, compute_heat
from applications.training.compact.calibrate import (
    choose_pixel_threshold,
    choose_region_thresholds,
    fit_platt,
)
from applications.training.compact.pairs import Pair, load_pairs
from applications.training.compact.train import CHECKPOINT
from stages.engine.files import sha256_file
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError
from stages.models.networks.efficientnet import EfficientNetLite0
from stages.records.masks import Mask
from stages.tools import TOOLS
from training.optim import load_checkpoint

log = logging.getLogger("inspector")


def load_trained(path: Path) -> InspectorNetwork:
    """Load the moving averages of a checkpoint, for inference.

    Raises:
        FactoryError: there is no checkpoint.
    """
    tree = load_checkpoint(path)
    if tree is None:
        raise FactoryError(
            f"no checkpoint {path}: run `python -m applications.training.compact.train` first"
        )
    network = InspectorNetwork(EfficientNetLite0(), len(TOOLS))
    network.load_state_dict(tree["model"])
    network.load_state_dict(tree["ema"]["tensors"], strict=False)  # buffers are not averaged
    network.requires_grad_(False)
    return network.eval().to(memory_format=torch.channels_last)  # pyright: ignore


def calibrate(
    network: InspectorNetwork, pairs: Sequence[Pair], config: weights.Config
) -> weights.Config:
    """Fit the calibration of the picture's score and choose the thresholds of pixels and regions.

    Args:
        network: trained, for inference.
        pairs: not trained on.
        config: whose `short_side` is used.

    Raises:
        ValueError: no pairs, or scores that do not rise with the flaws.
    """
    logits: list[float] = []
    flawed: list[bool] = []
    heats: list[Heat] = []
    masks: list[Mask] = []
    boxes: list[Boxes] = []
    for pair in pairs:
        for role in ("real", "control", "artifact"):
            heat = compute_heat(network, pair.picture(role), config.short_side)
            logits.append(heat.score)
            flawed.append(role == "artifact")
            if role == "artifact":
                heats.append(heat)
                masks.append(pair.full_labels() > 0)
                boxes.append(as_boxes(pair.flaw_boxes))
    picture = fit_platt(np.asarray(logits), np.asarray(flawed))
    cut, least = choose_region_thresholds(heats, boxes)
    return config.model_copy(
        update={
            "picture": picture,
            "pixel_threshold": choose_pixel_threshold([heat.mask for heat in heats], masks),
            "cut": cut,
            "region_threshold": least,
        }
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="the folder of the checkpoint")
    parser.add_argument("--pairs", type=Path, required=True, help="the data set trained on")
    parser.add_argument("--splits", nargs="*", default=["validation"])
    parser.add_argument("--to", type=Path, default=weights.FOLDER)
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    network = load_trained(args.run / CHECKPOINT)
    pairs = load_pairs(args.pairs, tuple(args.splits))
    config = weights.Config(trained_on=sha256_file(args.pairs / MANIFEST))
    try:
        config = calibrate(network, pairs, config)
    except ValueError as error:
        raise FactoryError(
            f"cannot calibrate: {error}; train longer, or give other --splits"
        ) from error
    weights.save(args.to, network, config)
    log.info("%s, calibrated on %d pairs", config, len(pairs))


if __name__ == "__main__":
    main()
