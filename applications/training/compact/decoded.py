"""Pass whole photos through the flow model's autoencoder; training shows them as clean pictures.

A network that has only seen the autoencoder's traces inside edits may call every picture that went
through one flawed. `python -m applications.training.compact.decoded --pairs DIR --to FILE.npz`
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import cv2
import numpy as np

from applications.commands import run_command
from applications.training.compact.pairs import load_pairs
from stages.models.flow.model import Flow
from stages.records.documents import TOKEN
from stages.records.images import Image

log = logging.getLogger("inspector")


def decode_photo(flow: Flow, photo: Image) -> Image:
    """Encode and decode a photo.

    Args:
        flow: whose autoencoder is used.
        photo: (H, W, 3) uint8, padded with its mirror image to whole tokens.
    """
    height, width = photo.shape[:2]
    padded = np.asarray(
        cv2.copyMakeBorder(photo, 0, -height % TOKEN, 0, -width % TOKEN, cv2.BORDER_REFLECT_101),
        np.uint8,
    )
    grid = padded.shape[0] // TOKEN, padded.shape[1] // TOKEN
    decoded = flow.decode(flow.encode(padded)[0], grid)
    return decoded[:height, :width].round().astype(np.uint8)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="a published data set")
    parser.add_argument("--splits", nargs="*", default=["train"])
    parser.add_argument("--weights", type=Path, default=Path("weights/compact"))
    parser.add_argument("--to", type=Path, required=True)
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    flow = Flow.load(args.weights)
    photos = {pair.photo: pair.real for pair in load_pairs(args.pairs, tuple(args.splits))}
    args.to.parent.mkdir(parents=True, exist_ok=True)
    decoded = {key: decode_photo(flow, photo) for key, photo in photos.items()}
    np.savez(args.to, **decoded)  # pyright: ignore[reportArgumentType]
    log.info("%d photos", len(decoded))


if __name__ == "__main__":
    main()
