"""COCO: detection and segmentation, one JSON file a split.

``images/<name>.png`` and ``annotations/<split>.json``. A category is a tool. An annotation carries
the flaw's label and text, an image its kind, licence and origin. Clean pictures have no annotation.
Masks are uncompressed run lengths, as pycocotools reads them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.pictures import Picture, encode, file_name, list_pictures, mask_box
from flows.exports.samples import Sample
from stages.engine.files import canonical_json
from stages.records import masks
from stages.tools import TOOLS

CATEGORIES = [
    {"id": number, "name": tool, "supercategory": "flaw"}
    for number, tool in enumerate(TOOLS, start=1)
]


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write pictures and annotations."""
    (folder / "images").mkdir()
    (folder / "annotations").mkdir()
    splits: dict[str, _Split] = defaultdict(_Split)
    for picture in list_pictures(samples, options):
        name = file_name(picture, options)
        (folder / "images" / name).write_bytes(encode(picture.pixels, options))
        splits[picture.record.split].add(picture, name)
    for split, found in splits.items():
        (folder / "annotations" / f"{split}.json").write_bytes(canonical_json(found.document()))


class _Split:
    """The images and annotations of one split."""

    def __init__(self) -> None:
        self._images: list[dict[str, Any]] = []
        self._annotations: list[dict[str, Any]] = []
        self._licences: dict[str, int] = {}

    def add(self, picture: Picture, name: str) -> None:
        record = picture.record
        image_id = len(self._images) + 1
        licence = self._licences.setdefault(record.licence, len(self._licences) + 1)
        self._images.append(
            {
                "id": image_id,
                "file_name": name,
                "width": picture.size[0],
                "height": picture.size[1],
                "license": licence,
                "kind": picture.kind,
                "pair": record.pair,
                "photo": record.photo,
                "origin": record.origin,
                "creator": record.creator,
            }
        )
        for region in picture.regions:
            rle = masks.encode(region.mask)
            x0, y0, x1, y1 = mask_box(region)
            self._annotations.append(
                {
                    "id": len(self._annotations) + 1,
                    "image_id": image_id,
                    "category_id": TOOLS.index(region.tool) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": int(region.mask.sum()),
                    "iscrowd": 0,
                    "segmentation": {"size": list(rle.size), "counts": rle.counts},
                    "label": region.label,
                    "text": region.text,
                }
            )

    def document(self) -> dict[str, Any]:
        return {
            "info": {"description": "flawfactory pairs"},
            "licenses": [{"id": n, "name": name} for name, n in self._licences.items()],
            "categories": CATEGORIES,
            "images": self._images,
            "annotations": self._annotations,
        }


FORMAT = Format("COCO detection and segmentation (pycocotools, detectron2, MMDetection)", write)
