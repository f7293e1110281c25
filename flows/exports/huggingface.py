"""Hugging Face `datasets`: ``data/<split>.parquet`` with embedded pictures, and a card.

One row a pair. All columns have declared types, so that every split has the same features.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from flows.exports.format import Format
from flows.exports.options import Options
from flows.exports.parquet import SplitWriters
from flows.exports.pictures import Picture, clean_picture, encode, fit, flawed_picture
from flows.exports.samples import Sample
from stages.package.card import make_licence_header
from stages.package.split import SPLITS
from stages.records.images import write_png
from stages.tools import TOOLS

if TYPE_CHECKING:
    from datasets import Features

CARD = """# flawfactory pairs

Each row is a photo (`real`), the same photo with one or more flaws (`artifact`), {control}the mask
of each flaw with its box, tool, label and text, and words on the whole picture. Boxes are
[x0, y0, x1, y1] in pixels of the pictures, half-open.

```python
from datasets import load_dataset

pairs = load_dataset("path/of/this/folder", split="train")
pairs[0]["artifact"], pairs[0]["flaws"][0]["label"]
```
"""


def make_features(control: bool) -> Features:
    """Make the columns' types."""
    from datasets import ClassLabel, Features, Image, List, Value

    text, box = Value("string"), List(Value("int32"), length=4)
    flaw = {"tool": ClassLabel(names=list(TOOLS)), "label": text, "entity": text, "part": text,
            "text": text, "box": box, "mask": Image()}  # fmt: skip
    pictures = {"real": Image(), "artifact": Image()} | ({"control": Image()} if control else {})
    return Features(
        {
            **dict.fromkeys(("pair", "photo"), text),
            **pictures,
            "width": Value("int32"),
            "height": Value("int32"),
            "flaws": List(flaw),
            **dict.fromkeys(("overall", "clean", "author", "caption"), text),
            **dict.fromkeys(("licence", "origin", "creator", "group"), text),
        }
    )


def write(samples: Iterable[Sample], folder: Path, options: Options) -> None:
    """Write parquet files and the card."""
    (folder / "data").mkdir()
    licences: set[str] = set()
    with SplitWriters(folder / "data", make_features(options.control)) as writers:
        for sample in samples:
            licences.add(sample.record.licence)
            writers.add(sample.record.split, _make_row(sample, options))
        splits = [split for split in SPLITS if split in writers.splits]
    (folder / "README.md").write_text(_make_card(splits, licences, options), encoding="utf-8")


def _make_row(sample: Sample, options: Options) -> dict[str, Any]:
    record, flawed = sample.record, fit(flawed_picture(sample), options.max_side)
    kinds = ("real", "control") if options.control else ("real",)
    clean = {kind: fit(clean_picture(sample, kind), options.max_side) for kind in kinds}
    pictures = {kind: _embed(encode(p.pixels, options)) for kind, p in clean.items()}
    words = record.explanation
    return {
        "pair": record.pair,
        "photo": record.photo,
        **pictures,
        "artifact": _embed(encode(flawed.pixels, options)),
        "width": flawed.size[0],
        "height": flawed.size[1],
        "flaws": _list_flaws(flawed, sample),
        "overall": words.overall,
        "clean": words.clean,
        "author": words.author,
        "caption": record.caption,
        "licence": record.licence,
        "origin": record.origin,
        "creator": record.creator,
        "group": record.group,
    }


def _list_flaws(flawed: Picture, sample: Sample) -> list[dict[str, Any]]:
    return [
        {
            "tool": TOOLS.index(flaw.tool),
            "label": flaw.label,
            "entity": flaw.entity,
            "part": flaw.part,
            "text": flaw.text,
            "box": list(region.box),
            "mask": _embed(write_png(region.mask)),
        }
        for flaw, region in zip(sample.record.flaws, flawed.regions, strict=True)
    ]


def _embed(data: bytes) -> dict[str, Any]:
    return {"bytes": data, "path": None}


def _make_card(splits: list[str], licences: set[str], options: Options) -> str:
    files = [{"split": split, "path": f"data/{split}.parquet"} for split in splits]
    header = {
        "pretty_name": "flawfactory pairs",
        **make_licence_header(licences),
        "task_categories": ["image-classification", "image-segmentation", "image-to-text"],
        "language": ["en"],
        "configs": [{"config_name": "default", "data_files": files}],
    }
    control = "a clean `control` that went through the same model, " if options.control else ""
    text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
    return f"---\n{text}---\n\n{CARD.format(control=control)}"


FORMAT = Format("Hugging Face datasets: parquet with embedded pictures", write)
