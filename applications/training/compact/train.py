"""Train the compact inspector.

`python -m applications.training.compact.train --pairs data/package --out DIR --minutes 60`
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
import torch

from applications.commands import run_command
from applications.inspection import list_pictures
from applications.inspectors.compact.network import InspectorNetwork, freeze_early_blocks
from applications.pictures import decode
from applications.training.compact.batches import CropParams, Sampler
from applications.training.compact.losses import compute_loss
from applications.training.compact.pairs import Pair, load_pairs
from stages.engine.workspace import FactoryError
from stages.models.networks import efficientnet
from stages.records.images import Image
from stages.records.seeding import seed_for
from stages.tools import TOOLS
from training.feed import batches
from training.loop import Budget, Loop, Recipe
from training.runtime import Worker, add_machine_arguments, run_workers

log = logging.getLogger("inspector")

CHECKPOINT = "inspector.pt"


@dataclass(frozen=True, kw_only=True)
class InspectorParams(Recipe):
    """Training parameters of the compact inspector."""

    batch: int = 6
    """Triplets per step and worker with crops of the first size; of other sizes as many pixels."""
    lr: float = 1e-3
    backbone_lr: float = 0.3
    """Learning rate of the backbone, relative to that of the pyramid and the heads."""
    weight_decay: float = 0.02
    ema: float = 0.998
    crops: CropParams = field(default_factory=CropParams)


def train(
    pairs: Sequence[Pair],
    decoded: Mapping[str, Image],
    out: Path,
    params: InspectorParams,
    worker: Worker,
    *,
    budget: Budget,
    clean: Sequence[Sequence[Path]] = (),
    save_every: float = 120.0,
) -> Path:
    """Train, or resume from the checkpoint in `out`, until the budget is used up.

    Returns the checkpoint's path.
    """
    torch.manual_seed(seed_for(params.seed, "inspector", "weights"))
    network = InspectorNetwork(efficientnet.load(), len(TOOLS)).requires_grad_(True)
    freeze_early_blocks(network)
    network.to(worker.device, memory_format=torch.channels_last)  # pyright: ignore
    network.train()
    log.info("%d pairs of %d photos", len(pairs), len({pair.photo for pair in pairs}))
    loop = Loop(
        network,
        params,
        [make_optimiser(network, params)],
        worker,
        budget,
        out / CHECKPOINT,
        shape={},
        describe=lambda loss: f"loss {loss:.3f}",
        save_every=save_every,
    )
    sampler = Sampler(pairs, decoded, params.crops, params.seed, clean)
    feed = batches(partial(sampler.batch, params.batch, worker.rank), loop.step, worker.loaders)
    while loop.progress < 1:
        batch = next(feed)
        x = (batch.pictures.to(worker.device).float() - 127.0) / 128.0
        maps = network(x.contiguous(memory_format=torch.channels_last))
        loss = compute_loss(maps, batch.labels.to(worker.device))
        loop.update(loss, loss.item())
    loop.save()
    return loop.path


def list_clean_photos(folder: Path) -> list[Path]:
    """Return the pictures in a folder that can be decoded, sorted.

    Raises:
        FactoryError: the folder holds no picture.
    """
    found = []
    for path in sorted(list_pictures([folder])):
        try:
            decode(path.read_bytes())
        except (OSError, ValueError) as error:
            log.warning("%s is left out: %s", path, error)
        else:
            found.append(path)
    if not found:
        raise FactoryError(f"no picture in {folder} can be decoded")
    return found


def make_optimiser(network: InspectorNetwork, params: InspectorParams) -> torch.optim.Optimizer:
    """Create AdamW with a lower learning rate for the backbone."""
    backbone = [p for p in network.backbone.parameters() if p.requires_grad]
    rest = [p for name, p in network.named_parameters() if not name.startswith("backbone.")]
    return torch.optim.AdamW(
        [
            {"params": backbone, "lr_scale": params.backbone_lr},
            {"params": rest, "lr_scale": 1.0},
        ],
        lr=params.lr,
        weight_decay=params.weight_decay,
    )


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="a published data set")
    parser.add_argument("--splits", nargs="*", default=["train"])
    parser.add_argument("--decoded", type=Path, help="photos as the autoencoder decodes them")
    parser.add_argument(
        "--clean",
        type=Path,
        nargs="*",
        default=[],
        metavar="FOLDER",
        help="other photos without flaws, as they are or decoded, each folder seen equally often",
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--batch", type=int, default=InspectorParams.batch, help="triplets a step")
    add_machine_arguments(parser)
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    pairs = load_pairs(args.pairs, tuple(args.splits))
    decoded: dict[str, Image] = {}
    if args.decoded:
        with np.load(args.decoded) as file:
            decoded = {name: file[name] for name in file.files}
    clean = [list_clean_photos(folder) for folder in args.clean]
    args.out.mkdir(parents=True, exist_ok=True)
    run_workers(
        args.workers,
        lambda worker: train(
            pairs,
            decoded,
            args.out,
            InspectorParams(batch=args.batch),
            worker,
            budget=Budget(args.steps, args.minutes),
            clean=clean,
        ),
        args.device,
    )


if __name__ == "__main__":
    main()
