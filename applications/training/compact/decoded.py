"""Pass whole photos through the flow model's autoencoder; training shows them as clean pictures.

A network that has only seen the autoencoder's traces inside edits may call every picture that went
through one flawed. `python -m applications.training.compact.decoded --pairs DIR --to FILE.npz` does
so with the photos of a data set, `--photos FOLDER --to FOLDER` with other photos.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from applications.commands import run_command
from applications.inspection import list_pictures
from applications.pictures import decode
from applications.training.compact.pairs import load_pairs
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError
from stages.models.flow.model import Flow
from stages.records.documents import TOKEN
from stages.records.images import Image, write_png

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


def decode_folder(flow: Flow, photos: Path, folder: Path, at_most: int | None = None) -> int:
    """Write photos as the autoencoder decodes them, one PNG each; those that exist are kept.

    Args:
        flow: whose autoencoder is used.
        photos: folder of photos; a file that cannot be decoded is named in the log and left out.
        folder: where the PNGs go.
        at_most: number of photos, spread evenly over the folder's names; None = all.

    Returns:
        The number of PNGs that were written.

    Raises:
        FactoryError: `photos` holds no picture.
    """
    written = 0
    folder.mkdir(parents=True, exist_ok=True)
    for path in _spread(sorted(list_pictures([photos])), at_most):
        target = folder / f"{path.stem}.png"
        if target.exists():
            continue
        try:
            photo = decode(path.read_bytes())
        except (OSError, ValueError) as error:
            log.warning("%s is left out: %s", path, error)
            continue
        write_atomically(target, write_png(decode_photo(flow, photo)))
        written += 1
    return written


def _spread(paths: Sequence[Path], count: int | None) -> list[Path]:
    """Take `count` of the paths at equal distances."""
    if count is None or count >= len(paths):
        return list(paths)
    return [paths[int(index)] for index in np.linspace(0, len(paths), count, endpoint=False)]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--pairs", type=Path, help="a published data set")
    source.add_argument("--photos", type=Path, help="a folder of other photos")
    parser.add_argument("--splits", nargs="*", default=["train"], help="of the data set")
    parser.add_argument("--at-most", type=int, help="number of photos of the folder")
    parser.add_argument("--weights", type=Path, default=Path("weights/compact"))
    parser.add_argument("--to", type=Path, required=True, help="an .npz, or a folder for --photos")
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    flow = Flow.load(args.weights)
    if args.photos:
        if args.to.is_file():
            raise FactoryError(f"{args.to} is a file; --photos writes into a folder")
        log.info("%d photos", decode_folder(flow, args.photos, args.to, args.at_most))
        return
    photos = {pair.photo: pair.real for pair in load_pairs(args.pairs, tuple(args.splits))}
    args.to.parent.mkdir(parents=True, exist_ok=True)
    decoded = {key: decode_photo(flow, photo) for key, photo in photos.items()}
    np.savez(args.to, **decoded)  # pyright: ignore[reportArgumentType]
    log.info("%d photos", len(decoded))


if __name__ == "__main__":
    main()
