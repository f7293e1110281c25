"""Measure the published pairs on their pixels.

    python benchmarks/pairs.py [data/package]

Prints a table by tool of four figures per flaw: LPIPS (AlexNet) between artifact and control inside
the mask's box; LPIPS between control and photo there, which is what the model's fingerprints alone
cost; the mask's share of the photo; and the number of pixels outside ``edit`` in which artifact or
control differ from the photo.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

os.environ["WDS_SECURE"] = "1"
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from rich.console import Console
from rich.table import Table
from webdataset.compat import WebDataset

from benchmarks.stopping import UntilStopped
from flows.records import read_record
from stages.engine.workspace import FactoryError
from stages.models.protocols import PerceptualMetric
from stages.models.registry import metric
from stages.package.members import get_picture
from stages.records.images import open_png, read_mask, read_picture
from stages.records.masks import bounding_box

COLUMNS = ("lpips flaw/control", "lpips control/photo", "mask share", "pixels broken")


def measure(
    sample: dict[str, bytes], lpips: PerceptualMetric
) -> Iterator[tuple[str, str, tuple[float, ...]]]:
    """Yield pair, tool and figures of each flaw of a pair, in the order of `COLUMNS`."""
    photo, flawed, control = (
        read_picture(get_picture(sample, name)) for name in ("real", "artifact", "control")
    )
    record = read_record(sample["json"], str(sample["__url__"]))
    flaws, edit = np.asarray(open_png(sample["flaws.png"], "L")), read_mask(sample["edit.png"])
    broken = ((flawed != photo) | (control != photo)).any(-1) & ~edit
    for flaw in record["flaws"]:
        mask = flaws == flaw["index"]
        x0, y0, x1, y1 = bounding_box(mask)
        box = np.s_[y0:y1, x0:x1]
        figures = (
            lpips.distance(flawed[box], control[box]),
            lpips.distance(control[box], photo[box]),
            float(mask.mean()),
            float(broken.sum()),
        )
        yield record["pair"], flaw["tool"], figures


def main() -> None:
    """Print the table."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "data/package")
    shards = sorted(map(str, folder.glob("*.tar")))
    lpips = metric("compact")
    found: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    pairs: dict[str, set[str]] = defaultdict(set)
    samples = WebDataset(shards, shardshuffle=False, empty_check=False)
    flaws = UntilStopped(chain.from_iterable(measure(sample, lpips) for sample in samples))
    for pair, tool, figures in flaws:
        for group in (tool, "all"):
            found[group].append(figures)
            pairs[group].add(pair)
    table = Table(title=f"pairs in {folder} ({platform.machine()}, {os.cpu_count()} cores)")
    table.add_column("tool")
    for name in ("flaws", "pairs", *COLUMNS):
        table.add_column(name, justify="right")
    for tool, rows in sorted(found.items()):
        medians = [statistics.median(column) for column in zip(*rows, strict=True)]
        total = int(sum(row[-1] for row in rows))
        counts = (str(len(rows)), str(len(pairs[tool])))
        table.add_row(tool, *counts, *(f"{m:.3f}" for m in medians[:-1]), str(total))
    Console().print(table)
    print("medians; 'pixels broken' counts the pixels outside `edit` that differ from the photo")
    flaws.exit_if_stopped()


if __name__ == "__main__":
    try:
        main()
    except FactoryError as error:
        sys.exit(str(error))
