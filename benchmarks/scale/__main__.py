"""Build data sets of null models in several sizes: time a photo, peak memory, and how both grow.

    python -m benchmarks.scale [--photos 1000 10000] [--json FILE]

Each build is `flawfactory build` with two worker processes, as a user starts it: scan, eight
stages with their processes, DVC, gates, gallery. Photos are coloured tiles of 64 pixels, back ends
those of `benchmarks.chaos.nulls`, and the mapping makes one fusion per photo. The time of the
stages' own pixel work, of null models and of picture codecs is reported beside the rest, which is
the engine. A second build has nothing to do.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks.chaos.checkout import Checkout, make_checkout
from benchmarks.meter import read_cpu_model
from benchmarks.scale.run import LOG
from benchmarks.stopping import UntilStopped
from stages import STAGES

_SIDE, _TILE = 64, 8
_PER_FOLDER = 1000
_MAPPING = {
    "variants": 1,
    "weights": {"add": 0.0, "remove": 0.0, "distort": 0.0, "fuse": 1.0},
    "kernels": {"fuse": ["voronoi"]},
}
KINDS = ("models", "codecs", "process")
ROLES = ("driver", "worker", "flow")


@dataclass(frozen=True)
class Size:
    """What building a number of photos cost."""

    photos: int
    pairs: int
    wall: float
    """Seconds of the whole command."""
    stages: dict[str, float]
    """Seconds of each stage, as its report has them."""
    cpu: dict[str, float]
    """Processor seconds in all processes of the stages: ``models``, ``codecs``, ``process`` (the
    stages' own `process`), and ``engine``, the rest."""
    flow_cpu: float
    """Processor seconds of the command's own process: scan, DVC's status, gallery."""
    flow_codecs: float
    """The part of `flow_cpu` spent in picture codecs."""
    peaks: dict[str, int]
    """Largest peak of a process in bytes, by role."""
    idle_wall: float
    """Seconds of a build with nothing to do."""
    idle_cpu: float


def measure(sizes: Sequence[int], folder: Path) -> Iterator[Size]:
    """Yield what each size cost, smallest first."""
    for photos in sorted(sizes):
        print(f"{photos:,} photos", file=sys.stderr, flush=True)
        made = prepare(folder / str(photos), photos)
        log = made.folder / "scale.jsonl"
        wall = _build(made, log, "--source", str(made.folder / "photos"))
        processes = [json.loads(line) for line in log.read_text().splitlines()]
        log.unlink()
        idle_wall = _build(made, log)
        idle = json.loads(log.read_text())
        reports = {
            stage: json.loads((made.root / "data" / ".report" / f"{stage}.json").read_bytes())
            for stage in STAGES
        }
        working = [p for p in processes if p["role"] != "flow"]
        (flow,) = [p for p in processes if p["role"] == "flow"]
        cpu: dict[str, float] = {kind: sum(p[kind] for p in working) for kind in KINDS}
        cpu["engine"] = sum(p["cpu"] for p in working) - sum(cpu.values())
        peaks = {
            role: max(p["peak_bytes"] for p in processes if p["role"] == role) for role in ROLES
        }
        yield Size(
            photos, reports["package"]["rows"], wall,
            {stage: report["seconds"] for stage, report in reports.items()},
            cpu, flow["cpu"], flow["codecs"], peaks, idle_wall, idle["cpu"],
        )  # fmt: skip


def prepare(folder: Path, photos: int) -> Checkout:
    """Make a checkout, and `photos` pictures beside it."""
    made = make_checkout(folder, "null", [], _SIDE)
    params: dict[str, Any] = yaml.safe_load((made.root / "params.yaml").read_text())
    params["ingest"]["min_side"] = _SIDE
    params["map"] |= _MAPPING
    (made.root / "params.yaml").write_text(yaml.safe_dump(params))
    settings = made.root / "factory.toml"
    # The estimate of disk space is that of real photos.
    settings.write_text(f"check_disk_space = false\n{settings.read_text()}")
    tiles = _SIDE // _TILE
    for number in range(photos):
        place = made.folder / "photos" / f"{number // _PER_FOLDER:04d}"
        place.mkdir(exist_ok=True)
        colours = np.random.default_rng(number).integers(0, 256, (tiles, tiles, 3), np.uint8)
        picture = Image.fromarray(colours).resize((_SIDE, _SIDE), Image.Resampling.NEAREST)
        picture.save(place / f"{number:08d}.png")
    return made


def _build(made: Checkout, log: Path, *words: str) -> float:
    """Run ``flawfactory build WORDS``; return its seconds.

    Raises:
        RuntimeError: it failed.
    """
    environment = made.environment("scale") | {"MODULE": "benchmarks.scale.run", LOG: str(log)}
    command = [sys.executable, "-m", "benchmarks.scale.run", "build", *words]
    start = time.monotonic()
    done = subprocess.run(  # noqa: S603
        command, cwd=made.root, env=environment, stdin=subprocess.DEVNULL, capture_output=True,
        text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"the build failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return time.monotonic() - start


def fit_exponent(sizes: Sequence[Size]) -> float:
    """Return the slope of the stages' processor time over the number of photos, both logarithmic
    (least squares)."""
    x = [math.log(size.photos) for size in sizes]
    y = [math.log(sum(size.cpu.values())) for size in sizes]
    return float(np.polyfit(x, y, 1)[0])


def tabulate(sizes: Sequence[Size]) -> list[Table]:
    """Make the tables: time a photo, memory, the build with nothing to do."""
    names = ("photos", "pairs", "stages, ms of wall time", "ms of CPU: engine", "stages' own work",
             "null models", "codecs", "flow, without codecs", "its codecs")  # fmt: skip
    times = Table(title="time a photo")
    memory = Table(title="peak memory of a process, MB; build with nothing to do, seconds")
    for table, columns in (
        (times, names), (memory, ("photos", *ROLES, "wall time", "CPU")),
    ):  # fmt: skip
        for name in columns:
            table.add_column(name, justify="right")
    for size in sizes:
        wall = sum(size.stages.values())
        flow = size.flow_cpu - size.flow_codecs
        spent = (wall, *(size.cpu[k] for k in ("engine", "process", "models", "codecs")), flow,
                 size.flow_codecs)  # fmt: skip
        cells = [f"{1000 * seconds / size.photos:.1f}" for seconds in spent]
        times.add_row(f"{size.photos:,}", f"{size.pairs:,}", *cells)
        peaks = [f"{size.peaks[role] / 1e6:.0f}" for role in ROLES]
        idle = (f"{size.idle_wall:.1f}", f"{size.idle_cpu:.1f}")
        memory.add_row(f"{size.photos:,}", *peaks, *idle)
    return [times, memory]


def describe_growth(sizes: Sequence[Size]) -> list[str]:
    """Describe how time and memory grow from each size to the next, and over all."""
    lines = []
    for a, b in pairwise(sizes):
        more = {role: (b.peaks[role] - a.peaks[role]) / (b.photos - a.photos) for role in ROLES}
        grown = ", ".join(f"{role} {amount / 1000:.2f} kB" for role, amount in more.items())
        between = f"from {a.photos:,} to {b.photos:,} photos"
        lines.append(f"{between}: exponent {fit_exponent([a, b]):.3f}, memory a photo: {grown}")
    if len(sizes) > 1:
        lines.append(f"exponent over all sizes: {fit_exponent(sizes):.3f}")
    return lines


def main() -> None:
    """Print the tables; write the figures to a file if one is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="scale-") as folder:
        rows = UntilStopped(measure(given.photos, Path(folder)))
        sizes = list(rows)
    console = Console(width=None if sys.stdout.isatty() else 140)
    console.print(f"{read_cpu_model()}, {os.cpu_count()} cores")
    for table in tabulate(sizes):
        console.print(table)
    for line in describe_growth(sizes):
        console.print(line)
    if given.json:
        machine = {
            "cpu": read_cpu_model(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
        }
        content = {"machine": machine, "sizes": [asdict(size) for size in sizes]}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    rows.exit_if_stopped()


if __name__ == "__main__":
    main()
