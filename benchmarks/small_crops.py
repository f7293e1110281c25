"""Compare the ways to measure LPIPS on crops under 64 px with the same flaw at twice the size.

    python -m benchmarks.small_crops [--build data] [--source ../shared/photos] [--photos 80]

The flaws are those of a build (crops of the photo, the control and the flawed picture) and five
distortions of pixels in photos of the shards. Each is measured at a shorter side of 48 to 127 px,
which is the reference, and halved, to 24 to 63 px, in every way of `filter.lpips.small_crops`.
Prints the mean absolute error, the bias, and how often the verdict of the LPIPS bounds is that of
the reference, with 95 % intervals from resampling the photos; then how many verdicts on the build's
own small boxes depend on the way.
"""

from __future__ import annotations

import argparse
import io
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
from PIL import Image as Pillow
from rich.console import Console
from rich.table import Table
from webdataset.compat import WebDataset

from benchmarks.distortions import DISTORTIONS
from benchmarks.quality import photos
from benchmarks.stopping import UntilStopped
from stages.engine.provenance import numerics
from stages.filter import bounds
from stages.filter.bounds import Distances
from stages.filter.params import Bounds
from stages.models import registry
from stages.models.protocols import SMALL_CROPS, Image, PerceptualMetric, SmallCrops
from stages.records.crops import paste_mask, paste_picture
from stages.records.documents import Injection
from stages.records.images import read_png
from stages.records.masks import Mask
from stages.tools import Tool

WAYS: tuple[SmallCrops, ...] = get_args(SmallCrops)
Metrics = Mapping[SmallCrops, PerceptualMetric]
SIZES = ((24, 32), (32, 48), (48, 64))
"""Ranges of the halved crop's shorter side; the upper end is excluded."""
SMALL = 64
RESAMPLES = 2000


@dataclass(frozen=True)
class Crops:
    """The crops of one flaw: sides are even numbers."""

    photo: str
    """The photo's name, by which crops are resampled."""
    real: Image
    control: Image
    artifact: Image
    mask: Mask

    def halve(self, factor: int = 2) -> Crops:
        """Return the crops scaled down by averaging blocks of pixels."""

        def reduce(image: Image) -> Image:
            return np.asarray(Pillow.fromarray(image).reduce(factor))

        mask: Mask = reduce(self.mask.astype(np.uint8) * 255) > 127
        real, control, artifact = map(reduce, (self.real, self.control, self.artifact))
        return Crops(self.photo, real, control, artifact, mask)

    @property
    def side(self) -> int:
        """The shorter side."""
        return min(self.mask.shape)

    def measure(self, metric: PerceptualMetric) -> Distances:
        """Measure the three distances of the filter."""
        return bounds.measure_crops(
            self.real, self.control, self.artifact, mask=self.mask, metric=metric
        )


@dataclass(frozen=True)
class Row:
    """One flaw, measured at twice the size and in every way."""

    photo: str
    side: int
    reference: Distances
    found: Mapping[SmallCrops, Distances]


@dataclass(frozen=True)
class BuildFlaw:
    """The crops of a flaw of a build in its target box."""

    tool: Tool
    crops: Crops


def read_build(folder: Path) -> Iterator[BuildFlaw]:
    """Yield the flaws that a build rendered, accepted or not."""
    originals = {
        sample["__key__"]: read_png(sample["photo.png"], size_of(sample))
        for sample in read_shards(folder / "ingest")
    }
    for sample in read_shards(folder / "inject"):
        members = {f"inject/{name}": data for name, data in sample.items() if "." in name}
        document = Injection.model_validate_json(sample["json"])
        photo = originals[document.key]
        for outcome in document.outcomes:
            x0, y0, x1, y1 = outcome.target_box
            box = np.s_[y0:y1, x0:x1]
            crops = Crops(
                document.key,
                photo[box],
                paste_picture(photo, outcome, members, "control")[box],
                paste_picture(photo, outcome, members, "artifact")[box],
                paste_mask(photo.shape[:2], outcome, members, "mask")[box],
            )
            yield BuildFlaw(outcome.tool, crops)


def read_shards(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield the samples of a folder's shards."""
    paths = sorted(map(str, folder.glob("*.tar")))
    if not paths:
        raise FileNotFoundError(f"no .tar shard in {folder}: see --build and --source")
    yield from cast(Iterable[dict[str, Any]], WebDataset(paths, shardshuffle=False))


def size_of(sample: dict[str, Any]) -> tuple[int, int]:
    """Return width and height from ingest's document."""
    document = json.loads(sample["json"])
    return document["width"], document["height"]


def scale_to_reference(crops: Crops) -> Crops | None:
    """Scale a flaw of a build down until its shorter side is below 128 px, and cut it to even
    sides; None if it is below 48 px."""
    factor = crops.side // (2 * SMALL) + 1
    height, width = (side // (2 * factor) * 2 * factor for side in crops.mask.shape)
    box = np.s_[:height, :width]
    cut = Crops(
        crops.photo, crops.real[box], crops.control[box], crops.artifact[box], crops.mask[box]
    )
    scaled = cut.halve(factor) if factor > 1 else cut
    return scaled if scaled.side >= 2 * SIZES[0][0] else None


def distort_photos(folder: Path, count: int) -> Iterator[Crops]:
    """Yield every distortion, at a random place and size, of the first photos of the shards. The
    control is the photo itself."""
    rng = np.random.default_rng(0)
    for sample in islice(read_shards(folder), count):
        with Pillow.open(io.BytesIO(sample["webp"]), formats=["WEBP"]) as picture:
            photo = np.asarray(picture.convert("RGB"))
        for distortion in DISTORTIONS:
            height, width = 2 * rng.integers(SIZES[0][0], SMALL, 2)
            y, x = rng.integers(0, np.array(photo.shape[:2]) - (height, width) + 1)
            real = photo[y : y + height, x : x + width]
            edge = int(rng.integers(0, 12))
            inner = np.s_[edge : height - edge, edge : width - edge]
            artifact = real.copy()
            artifact[inner] = distortion(np.ascontiguousarray(real[inner]), rng)
            yield Crops(sample["__key__"], real, real, artifact, (artifact != real).any(2))


def measure(crops: Crops, metrics: Metrics) -> Row:
    """Measure a flaw of the reference's size in every way."""
    half = crops.halve()
    found: dict[SmallCrops, Distances] = {way: half.measure(metrics[way]) for way in WAYS}
    return Row(crops.photo, half.side, crops.measure(metrics["plain"]), found)


def verdict(found: Distances, tool: Tool = "distort") -> str:
    """Return the code of the default bounds; those of distort include all others'."""
    return bounds.check(tool, found, Bounds())[0]


def resample(rows: Sequence[Row], values: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of a mean, by resampling the photos."""
    names, index = np.unique([row.photo for row in rows], return_inverse=True)
    sums, counts = np.bincount(index, values), np.bincount(index)
    drawn = np.random.default_rng(0).integers(0, len(names), (RESAMPLES, len(names)))
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.percentile(means, (2.5, 97.5))
    return float(low), float(high)


def format_way(rows: Sequence[Row], way: SmallCrops) -> tuple[str, ...]:
    """Format the figures of one way: errors in the box and on the mask, bias, equal verdicts."""
    errors = np.array(
        [np.subtract(astuple(row.found[way]), astuple(row.reference)) for row in rows]
    )
    equal = np.array([verdict(row.found[way]) == verdict(row.reference) for row in rows], float)
    cells = []
    for values, spec in ((abs(errors[:, 0]), ".3f"), (abs(errors[:, 2]), ".3f"), (equal, ".0%")):
        low, high = resample(rows, values)
        cells.append(f"{values.mean():{spec}} ({low:{spec}} to {high:{spec}})")
    return way, cells[0], f"{errors[:, 0].mean():+.3f}", cells[1], cells[2]


def make_table(measured: dict[str, list[Row]]) -> Table:
    """Make the table by source of flaws, size and way."""
    used = numerics()
    where = f"{used['cpu']}, {os.cpu_count()} cores, torch {used['torch']}, lpips {used['lpips']}"
    table = Table(title=f"LPIPS of crops under {SMALL} px against twice the size ({where})")
    for name in ("flaws", "shorter side", "crops", "photos", "way"):
        table.add_column(name)
    for name in ("error", "bias", "error on the mask", "same verdict"):
        table.add_column(name, justify="right")
    for source, rows in measured.items():
        for low, high in (*SIZES, (SIZES[0][0], SMALL)):
            part = [row for row in rows if low <= row.side < high]
            names = len({row.photo for row in part})
            for way in WAYS if part else ():
                size = f"{low} to {high - 1}"
                table.add_row(source, size, str(len(part)), str(names), *format_way(part, way))
    return table


def count_verdicts(flaws: Sequence[BuildFlaw], metrics: Metrics) -> str:
    """Say how many verdicts of the bounds on a build's small boxes depend on the way."""
    small = [flaw for flaw in flaws if flaw.crops.side < SMALL]
    codes = {
        way: [verdict(flaw.crops.measure(metric), flaw.tool) for flaw in small]
        for way, metric in metrics.items()
    }
    boxes = f"{len(small)} of {len(flaws)} target boxes of the build under {SMALL} px"
    lines = [f"verdicts of the LPIPS bounds on the {boxes}:"]
    for way, found in codes.items():
        moved = sum(a != b for a, b in zip(found, codes[SMALL_CROPS], strict=True))
        counts = ", ".join(f"{count} {code}" for code, count in sorted(Counter(found).items()))
        lines.append(f"  {way}: {counts}; {moved} differ from {SMALL_CROPS}, the default")
    return "\n".join(lines)


def main() -> None:
    """Print the table and the verdicts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=Path("data"), help="folder of a build")
    parser.add_argument("--source", type=Path, default=photos.SHARDS, help="folder of the shards")
    parser.add_argument("--photos", type=int, default=80, help="photos of the shards to distort")
    args = parser.parse_args()
    metrics: Metrics = {way: registry.metric("compact", small_crops=way) for way in WAYS}
    flaws = list(read_build(args.build))

    def work() -> Iterator[tuple[str, Row]]:
        for flaw in flaws:
            if crops := scale_to_reference(flaw.crops):
                yield "build", measure(crops, metrics)
        for crops in distort_photos(args.source, args.photos):
            yield "distorted photos", measure(crops, metrics)

    measured: dict[str, list[Row]] = defaultdict(list)
    rows = UntilStopped(work())
    for source, row in rows:
        measured[source].append(row)
    Console(width=140).print(make_table(measured))
    rows.exit_if_stopped()
    print(count_verdicts(flaws, metrics))


if __name__ == "__main__":
    main()
