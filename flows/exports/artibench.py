"""ArtiBench's folder form: ``metadata.json`` and ``images/<id>.png``, one folder a split.

The form that ArtiAgent's evaluator reads (dataset type ``ours``): a list of ``{id, has_artifacts,
artifacts: [{target_bbox, ...}], bboxes, explanation}`` with boxes in pixels. Its pictures are PNG.
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
from stages.engine.files import pretty_json
from stages.engine.workspace import FactoryError

CATEGORIES = {"add": "addition", "remove": "removal", "distort": "distortion", "fuse": "fusion"}
"""Tool to the benchmark's category; other tools keep their name."""


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write pictures and metadata.

    Raises:
        FactoryError: another picture format than PNG is wanted.
    """
    if options.picture_format != "png":
        raise FactoryError("ArtiBench's form has PNG pictures: leave --pictures out")
    entries: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for picture in list_pictures(samples, options):
        split = picture.record.split
        images = folder / split / "images"
        images.mkdir(parents=True, exist_ok=True)
        (images / file_name(picture, options)).write_bytes(encode(picture.pixels, options))
        entries[split].append(_entry(picture))
    for split, found in entries.items():
        (folder / split / "metadata.json").write_bytes(pretty_json(found))


def _entry(picture: Picture) -> dict[str, Any]:
    words = picture.record.explanation
    boxes = [list(mask_box(region)) for region in picture.regions]
    artifacts = [
        {
            "target_bbox": box,
            "category": CATEGORIES.get(region.tool, region.tool),
            "label": region.label,
            "caption": region.text,
        }
        for region, box in zip(picture.regions, boxes, strict=True)
    ]
    return {
        "id": picture.name,
        "has_artifacts": bool(picture.regions),
        "artifacts": artifacts,
        "bboxes": boxes,
        "explanation": words.overall if picture.regions else words.clean,
    }


FORMAT = Format("ArtiBench's folder form, as ArtiAgent's evaluator reads it", write)
