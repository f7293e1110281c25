"""What synthesis costs against the published method, on the same weights, photos and mappings.

    python -m benchmarks.synthesis [--photos 6] [--side 384] [--dtype float32] [--compile]
    python -m benchmarks.synthesis --full-shape --device cuda   # FLUX.1-dev's shape, random weights

The released recipe (benchmarks/released.py), the same with FireFlow, and the factory's stages with
four and eight variants a window, at the steps of params.yaml and at the recipe's 8, take turns over
the windows, so that a busy machine slows all alike. Ratios are taken window by window, in processor
time on a CPU and in wall time on a GPU; printed are medians. A second table says how far sparse
injection is from dense (benchmarks/agreement.py). A pair of ours holds everything from photo to
composite and mask, the recipe's ends with the decoded window. Every figure goes to
benchmarks/results/<name>.json, window by window.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import full_shape
from benchmarks.agreement import Agreement, agreement
from benchmarks.contestants import FIREFLOW, RELEASED, contestants
from benchmarks.meter import machine
from benchmarks.race import Clock, Row, race
from benchmarks.workload import Task, from_photos
from stages.catalogue import parse_params, read_params
from stages.engine.files import pretty_json, write_atomically
from stages.engine.stage import BaseParams
from stages.inject.params import InjectParams
from stages.invert.params import InvertParams
from stages.models.registry import DiffusersFlow, choice, metric

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
STEPS = 8
"""FireFlow's own, at which ours is measured too."""
VARIANTS = 8
COMPARED = 4
"""Variants a window in the second table."""
BARS = {4: (6.0, 2.3), 8: (9.0, 3.2)}
"""K to the least ratio to the released recipe and to FireFlow, autoencoder included."""


def speed_table(rows: Sequence[Row], clock: Clock, title: str) -> Table:
    """A row a contestant, medians over the windows."""
    table = Table(title=title, caption=f"medians over the windows; {clock} time but where it says")
    table.add_column("", no_wrap=True)
    for column in (
        "evaluations\na pair",
        "pairs/s",
        "pairs/s\nby clock",
        "x\nreleased",
        "x\nFireFlow",
        "pairs/s w/o\nautoencoder",
        "x\nreleased",
        "x\nFireFlow",
        "peak\nMiB",
        "bars",
    ):
        table.add_column(column, justify="right")
    for row in rows:
        peak = row.peak()
        whole, inner = ratios(rows, row, clock, True), ratios(rows, row, clock, False)
        table.add_row(
            row.name,
            f"{statistics.median(row.evaluations()):.2f}",
            rate(row.seconds(clock)),
            rate(row.seconds("wall")),
            *(f"{ratio:.2f}" for ratio in whole),
            rate(row.seconds(clock, autoencoder=False)),
            *(f"{ratio:.2f}" for ratio in inner),
            "" if peak is None else f"{peak / 2**20:.0f}",
            verdict(row.pairs, whole),
        )
    return table


def rate(seconds: Sequence[float]) -> str:
    """Pairs a second."""
    return f"{1 / statistics.median(seconds):.3f}"


def ratios(rows: Sequence[Row], row: Row, clock: Clock, autoencoder: bool) -> list[float]:
    """Median ratio to the released recipe and to FireFlow."""
    bases = [next(r for r in rows if r.name == name) for name in (RELEASED, FIREFLOW)]
    return [statistics.median(row.ratios(base, clock, autoencoder)) for base in bases]


def verdict(pairs: int, found: Sequence[float]) -> str:
    """Whether the bars for so many variants a window are met."""
    if pairs not in BARS:
        return ""
    bars = BARS[pairs]
    met = all(ratio >= bar for ratio, bar in zip(found, bars, strict=True))
    return f"{bars[0]:g} / {bars[1]:g} {'met' if met else 'missed'}"


def agreement_table(found: Sequence[Agreement]) -> Table:
    """A row a tool, medians over its variants."""
    table = Table(
        title="sparse against dense, beside dense against dense with another draw of noise",
        caption="medians inside the box of the dense flaw's mask",
    )
    table.add_column("tool")
    for column in ("variants", "LPIPS", "of seeds", "PSNR dB", "of seeds", "LPIPS ratio"):
        table.add_column(column, justify="right")
    by_tool: dict[str, list[Agreement]] = defaultdict(list)
    for one in found:
        by_tool[one.tool].append(one)
    for tool, ones in [*sorted(by_tool.items()), ("all", found)]:
        sparse, seeds = (
            [
                statistics.median(getattr(getattr(one, which), measure) for one in ones)
                for measure in ("lpips", "psnr")
            ]
            for which in ("sparse", "seeds")
        )
        ratio = statistics.median(one.sparse.lpips / one.seeds.lpips for one in ones)
        table.add_row(
            tool,
            str(len(ones)),
            f"{sparse[0]:.4f}",
            f"{seeds[0]:.4f}",
            f"{sparse[1]:.1f}",
            f"{seeds[1]:.1f}",
            f"{ratio:.2f}",
        )
    return table


def main() -> None:
    """Measure, print, write."""
    given = arguments()
    console = Console(width=150)
    torch.set_num_threads(given.threads)
    with console.status("") as status:
        if given.full_shape:
            name = given.name or "full-shape"
            device = torch.device(given.device)
            tables = [
                full_shape.run(device, status.update, lambda figures: write(name, figures)),
            ]
        else:
            tables, figures = photos(given, status.update)
            write(given.name or f"synthesis-{given.side}", figures)
    for table in tables:
        console.print(table)


def photos(
    given: argparse.Namespace, on_job: Callable[[str], None]
) -> tuple[list[Table], dict[str, Any]]:
    """Both tables, and all figures, on the sample photos with the model of params.yaml."""
    params = parse_params(read_params(ROOT))
    base, inverting, injecting = (params[name] for name in ("base", "invert", "inject"))
    assert isinstance(base, BaseParams)  # noqa: S101
    assert isinstance(inverting, InvertParams) and isinstance(injecting, InjectParams)  # noqa: S101
    on_job("preparing windows")
    tasks = from_photos(ROOT, ROOT / "samples/photos", given.side, given.photos, VARIANTS)
    options = choice("flow", base.profile).options | {"device": given.device}
    if given.dtype:
        options["dtype"] = given.dtype
    flow = DiffusersFlow(**options | {"compile": given.compile})
    entries = contestants(inverting, injecting, sorted({inverting.steps, STEPS}))
    rows = race(flow, tasks, entries, on_job)
    lpips, found = metric(base.profile), list[Agreement]()
    for task in tasks:
        on_job(f"{task.name}: sparse against dense")
        found += agreement(flow, task, COMPARED, inverting, injecting, lpips)
    where, clock = machine(flow), "wall" if flow.transformer.device.type == "cuda" else "cpu"
    title = (
        f"{len(tasks)} windows of {given.side} px, {statistics.mean(targets(tasks)):.1%} targets; "
        f"{where['gpu'] or where['cpu']}, {where['threads']} of {where['cores']} cores, "
        f"{where['dtype']}{', compiled' if given.compile else ''}"
    )
    speed = [
        row.figures()
        | {
            "ratios": {
                "with_autoencoder": ratios(rows, row, clock, True),
                "without": ratios(rows, row, clock, False),
            }
        }
        for row in rows
    ]
    figures = {
        "machine": where,
        "settings": {
            "side": given.side,
            "compiled": given.compile,
            "invert": inverting.model_dump(mode="json"),
            "inject": injecting.model_dump(mode="json"),
        },
        "windows": [task.name for task in tasks],
        "targets": targets(tasks),
        "speed": speed,
        "agreement": [asdict(one) for one in found],
    }
    return [speed_table(rows, clock, title), agreement_table(found)], figures


def targets(tasks: Sequence[Task]) -> list[float]:
    """Each window's mean share of tokens that a flaw aims at."""
    return [statistics.mean(len(v.targets) / task.tokens for v in task.variants) for task in tasks]


def arguments() -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(description="What synthesis costs.")
    parser.add_argument("--photos", type=int, default=6)
    parser.add_argument("--side", type=int, default=384, choices=(384, 512))
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: the profile's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="as a worker of the factory has")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--full-shape", action="store_true", help="FLUX.1-dev's, random weights")
    parser.add_argument("--name", help="of the file in benchmarks/results")
    return parser.parse_args()


def write(name: str, figures: dict[str, Any]) -> None:
    """Into benchmarks/results."""
    write_atomically(RESULTS / f"{name}.json", pretty_json(figures))


if __name__ == "__main__":
    main()
