"""YOLO: folders ``detect`` and ``segment``, each with ``images``, ``labels`` and ``data.yaml``.

A label file has a line a flaw: class (a tool), then centre, width and height of the box, or the
points of a polygon, as shares of the picture. A clean picture has an empty label file, which
trainers read as background. A mask of several pieces becomes one polygon around all of them, joined
where they are nearest, since a line is an instance. The pictures of ``segment/`` are hard links.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
import yaml
from numpy.typing import NDArray

from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.pictures import Picture, Region, encode, file_name, list_pictures, mask_box
from flows.exports.samples import Sample
from stages.package.split import SPLITS
from stages.tools import TOOLS

Points = NDArray[np.int64]
"""(N, 2) x and y of a polygon's corners, in pixels."""
_YOLO_SPLITS = {"train": "train", "validation": "val", "test": "test"}
"""Our split to the key of ultralytics' data file."""


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write pictures and labels; for a split the detection and the segmentation form."""
    splits: set[str] = set()
    for picture in list_pictures(samples, options):
        split, name = picture.record.split, file_name(picture, options)
        splits.add(split)
        for form, lines in (("detect", _boxes(picture)), ("segment", _polygons(picture))):
            for part in ("images", "labels"):
                (folder / form / part / split).mkdir(parents=True, exist_ok=True)
            image = folder / form / "images" / split / name
            if form == "detect":
                image.write_bytes(encode(picture.pixels, options))
            else:
                image.hardlink_to(folder / "detect" / "images" / split / name)
            label = folder / form / "labels" / split / f"{picture.name}.txt"
            label.write_text("".join(f"{line}\n" for line in lines), encoding="ascii")
    for form in ("detect", "segment") if splits else ():
        (folder / form / "data.yaml").write_text(_make_data_file(splits), encoding="utf-8")


def _make_data_file(splits: set[str]) -> str:
    """Make ultralytics' data file.

    It has no ``path``: ultralytics then takes the folder of the file, and would take ``.`` for the
    folder in which it was started. Keys train and val must be there, even without pictures.
    """
    data = {_YOLO_SPLITS[split]: f"images/{split}" for split in SPLITS if split in splits}
    notes = "".join(
        f"# No {split} split was exported; ultralytics trains only with one.\n"
        for split in ("train", "validation")
        if split not in splits
    )
    paths = {"train": None, "val": None} | data
    return notes + yaml.safe_dump({**paths, "names": dict(enumerate(TOOLS))}, sort_keys=False)


def _boxes(picture: Picture) -> list[str]:
    width, height = picture.size
    lines = []
    for region in picture.regions:
        x0, y0, x1, y1 = mask_box(region)
        shares = (
            (x0 + x1) / 2 / width,
            (y0 + y1) / 2 / height,
            (x1 - x0) / width,
            (y1 - y0) / height,
        )
        lines.append(_line(region, shares))
    return lines


def _polygons(picture: Picture) -> list[str]:
    width, height = picture.size
    return [
        _line(region, [c for x, y in trace(region) for c in (x / width, y / height)])
        for region in picture.regions
    ]


def _line(region: Region, shares: Iterable[float]) -> str:
    return " ".join([str(TOOLS.index(region.tool)), *(f"{share:.6f}" for share in shares)])


def trace(region: Region) -> Points:
    """Trace a mask's outline as one polygon, (N, 2) corners in pixels.

    Holes are filled. Pieces are joined by a line there and back between their nearest corners, as
    ultralytics does for COCO's several polygons.
    """
    # Twice the size: the outline of pixels runs along their edges, not through their centres.
    mask = np.repeat(np.repeat(region.mask.astype(np.uint8), 2, axis=0), 2, axis=1)
    found, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    pieces = sorted((c[:, 0].astype(np.int64) for c in found), key=lambda c: tuple(c.min(0)))
    if not pieces:
        x0, y0, x1, y1 = region.box
        return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)])
    joined = pieces[0]
    for piece in pieces[1:]:
        joined = _join(joined, piece)
    return (joined + 1) // 2


def _join(a: Points, b: Points) -> Points:
    """Insert polygon `b` into polygon `a` at their nearest corners."""
    gaps = ((a[:, None] - b[None]) ** 2).sum(-1)
    i, j = np.unravel_index(int(gaps.argmin()), gaps.shape)
    loop = np.concatenate([b[j:], b[: j + 1]])
    return np.concatenate([a[: i + 1], loop, a[i:]])


FORMAT = Format("YOLO boxes and polygons (ultralytics)", write)
