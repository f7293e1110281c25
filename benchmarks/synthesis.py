"""Compare the cost of synthesis with the published method: same weights, photos and mappings.

    python -m benchmarks.synthesis [--photos 6] [--side 384] [--dtype float32] [--compile]
    python -m benchmarks.synthesis --full-shape --device cuda   # FLUX.1-dev's shape, random weights

The methods are the released recipe (benchmarks/released.py), the recipe with FireFlow, and our
stages with four and eight variants per window, at the steps of params.yaml and at FireFlow's 8.
They take turns over the windows, so that other work on the machine slows all of them alike.
Speedups are computed window by window, in processor time on a CPU and in wall time on a GPU;
medians are printed. A second table compares sparse with dense injection (benchmarks/agreement.py).
A pair of ours includes everything from the photo to composite and mask; a pair of the recipe ends
with the decoded window. All figures of all windows are written to benchmarks/results/<name>.json; a
run that is stopped prints the figures it has.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from benchmarks import full_shape
from benchmarks.agreement import Agreement, measure_agreement
from benchmarks.meter import describe_machine
from benchmarks.methods import FIREFLOW, RELEASED, list_methods, name_of_ours
from benchmarks.stopping import UntilStopped
from benchmarks.timing import Clock, Row, time_methods
from benchmarks.workload import Task, make_photo_tasks
from stages.catalogue import parse_params, read_params
from stages.engine.files import pretty_json, write_atomically
from stages.engine.stage import BaseParams
from stages.inject.params import InjectParams
from stages.invert.params import InvertParams
from stages.models.flow.backend import DiffusersFlow
from stages.models.flow.params import FlowOptions
from stages.models.registry import choice, metric

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
STEPS = 8
"""FireFlow's steps, at which our stages are measured too."""
VARIANTS = 8
COMPARED = 4
"""Variants per window in the second table."""
Speedups = tuple[float, float]
"""Speedups over the released recipe and over FireFlow, autoencoder included."""
MIN_SPEEDUPS: dict[int, dict[int, Speedups]] = {
    384: {4: (8.0, 2.3), 8: (12.0, 3.2)},
    512: {4: (11.0, 2.3), 8: (16.0, 3.2)},
}
"""Side of the windows and K to the speedups that are required at the steps of params.yaml."""


def make_speed_table(
    rows: Sequence[Row], clock: Clock, title: str, required: Mapping[str, Speedups]
) -> Table:
    """Make a table with a row for each method: medians over the windows.

    Args:
        rows: the methods.
        clock: the time that speedups are computed from.
        title: the table's.
        required: names of methods to the speedups that they have to reach.
    """
    table = Table(title=title, caption=f"medians over the windows; {clock} time unless stated")
    table.add_column("", no_wrap=True)
    for column in (
        "evaluations\nper pair",
        "pairs/s",
        "pairs/s\nwall time",
        "x\nreleased",
        "x\nFireFlow",
        "pairs/s w/o\nautoencoder",
        "x\nreleased",
        "x\nFireFlow",
        "peak\nMiB",
        "required",
    ):
        table.add_column(column, justify="right")
    for row in rows:
        peak = row.peak()
        whole, inner = speedups(rows, row, clock, True), speedups(rows, row, clock, False)
        table.add_row(
            row.name,
            f"{statistics.median(row.evaluations()):.2f}",
            pairs_per_second(row.seconds(clock)),
            pairs_per_second(row.seconds("wall")),
            *(f"{ratio:.2f}" for ratio in whole),
            pairs_per_second(row.seconds(clock, autoencoder=False)),
            *(f"{ratio:.2f}" for ratio in inner),
            "" if peak is None else f"{peak / 2**20:.0f}",
            describe_requirement(required.get(row.name), whole),
        )
    return table


def pairs_per_second(seconds: Sequence[float]) -> str:
    """Format the median rate."""
    return f"{1 / statistics.median(seconds):.3f}"


def speedups(rows: Sequence[Row], row: Row, clock: Clock, autoencoder: bool) -> list[float]:
    """Return the median speedups over the released recipe and over FireFlow."""
    bases = [next(r for r in rows if r.name == name) for name in (RELEASED, FIREFLOW)]
    return [statistics.median(row.ratios(base, clock, autoencoder)) for base in bases]


def describe_requirement(required: Speedups | None, found: Sequence[float]) -> str:
    """Return the required speedups, if any, and whether they are met."""
    if required is None:
        return ""
    met = all(value >= minimum for value, minimum in zip(found, required, strict=True))
    return f"{required[0]:g} / {required[1]:g} {'met' if met else 'missed'}"


def make_agreement_table(found: Sequence[Agreement]) -> Table:
    """Make a table with a row for each tool: medians over its variants."""
    table = Table(
        title="sparse against dense, and dense against dense with another draw of noise",
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


@dataclass
class Measurements:
    """The measurements so far on the photos' windows."""

    args: argparse.Namespace
    inverting: InvertParams
    injecting: InjectParams
    machine: dict[str, Any]
    clock: Clock
    tasks: list[Task]
    rows: list[Row] = field(default_factory=list[Row])
    agreement: list[Agreement] = field(default_factory=list[Agreement])

    @property
    def windows(self) -> list[Task]:
        """The windows on which every method has run."""
        return self.tasks[: len(self.rows[0].costs) if self.rows else 0]

    def make_tables(self) -> list[Table]:
        """Make the tables of the figures so far."""
        if not self.windows:
            return []
        where = self.machine
        title = (
            f"{len(self.windows)} windows of {self.args.side} px, "
            f"{statistics.mean(target_shares(self.windows)):.1%} targets; "
            f"{where['gpu'] or where['cpu']}, {where['threads']} of {where['cores']} cores, "
            f"{where['dtype']}{', compiled' if self.args.compile else ''}"
        )
        required = {
            name_of_ours(pairs, self.inverting.steps): ratios
            for pairs, ratios in MIN_SPEEDUPS.get(self.args.side, {}).items()
        }
        found = [make_speed_table(self.rows, self.clock, title, required)]
        return [*found, make_agreement_table(self.agreement)] if self.agreement else found

    def figures(self) -> dict[str, Any]:
        """Return the settings and the costs of every window, as JSON values."""
        speed = [
            row.figures()
            | {
                "ratios": {
                    "with_autoencoder": speedups(self.rows, row, self.clock, True),
                    "without": speedups(self.rows, row, self.clock, False),
                }
            }
            for row in self.rows
        ]
        return {
            "machine": self.machine,
            "settings": {
                "side": self.args.side,
                "compiled": self.args.compile,
                "invert": self.inverting.model_dump(mode="json"),
                "inject": self.injecting.model_dump(mode="json"),
            },
            "windows": [task.name for task in self.windows],
            "targets": target_shares(self.windows),
            "speed": speed,
            "agreement": [asdict(one) for one in self.agreement],
        }


def main() -> None:
    """Measure, print the tables and write the figures."""
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    (measure_full_shape if args.full_shape else measure_photos)(args, Console(width=150))


def measure_full_shape(args: argparse.Namespace, console: Console) -> None:
    """Measure FLUX.1-dev's shape; write the figures after every row, since compiling is slow."""
    last: dict[str, Any] = {}
    with console.status("") as status:
        steps = UntilStopped(full_shape.run(torch.device(args.device), status.update))
        for last in steps:
            write_figures(args.name or "full-shape", last)
    if last:
        console.print(full_shape.make_table(last))
    steps.exit_if_stopped()


def measure_photos(args: argparse.Namespace, console: Console) -> None:
    """Measure the photos' windows; write the figures unless the run was stopped."""
    with console.status("") as status:
        steps = UntilStopped(measure(args, status.update))
        found = list(steps)[-1:]  # the last one includes those before it
    for table in found[0].make_tables() if found else ():
        console.print(table)
    steps.exit_if_stopped()
    write_figures(args.name or f"synthesis-{args.side}", found[0].figures())


def measure(args: argparse.Namespace, on_job: Callable[[str], None]) -> Iterator[Measurements]:
    """Measure with the model of params.yaml; yield the figures of both tables after every window.

    Raises:
        SystemExit: no photo has a window with enough flaws.
    """
    params = parse_params(read_params(ROOT))
    base, inverting, injecting = (params[name] for name in ("base", "invert", "inject"))
    assert isinstance(base, BaseParams)  # noqa: S101
    assert isinstance(inverting, InvertParams) and isinstance(injecting, InjectParams)  # noqa: S101
    on_job("preparing windows")
    tasks = make_photo_tasks(ROOT, args.source, args.side, args.photos, VARIANTS)
    if not tasks:
        raise SystemExit(
            f"{args.source}: no photo has a window with {VARIANTS} flaws; pass another --source"
        )
    changes = {"device": args.device, "compile": args.compile}
    if args.dtype:
        changes["dtype"] = args.dtype
    options = FlowOptions.model_validate(choice("flow", base.profile).options | changes)
    flow = DiffusersFlow(options)
    clock = "wall" if flow.transformer.device.type == "cuda" else "cpu"
    found = Measurements(args, inverting, injecting, describe_machine(flow), clock, tasks)
    methods = list_methods(inverting, injecting, sorted({inverting.steps, STEPS}))
    for rows in time_methods(flow, tasks, methods, on_job):
        found.rows = rows
        yield found
    lpips = metric(base.profile)
    for task in tasks:
        on_job(f"{task.name}: sparse against dense")
        found.agreement += measure_agreement(flow, task, COMPARED, inverting, injecting, lpips)
        yield found


def target_shares(tasks: Sequence[Task]) -> list[float]:
    """Return each window's share of target tokens, mean over its flaws."""
    return [statistics.mean(len(v.targets) / task.tokens for v in task.variants) for task in tasks]


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description="Measure the cost of synthesis.")
    parser.add_argument("--photos", type=int, default=6, help="maximum number of photos")
    parser.add_argument(
        "--source", type=Path, default=ROOT / "samples/photos", help="folder of photos"
    )
    parser.add_argument("--side", type=int, default=384, choices=(256, 384, 512))
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), help="default: the profile's")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="default: as many as a worker has")
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--full-shape", action="store_true", help="FLUX.1-dev, random weights")
    parser.add_argument("--name", help="name of the file in benchmarks/results")
    return parser.parse_args()


def write_figures(name: str, figures: dict[str, Any]) -> None:
    """Write the figures to benchmarks/results."""
    write_atomically(RESULTS / f"{name}.json", pretty_json(figures))


if __name__ == "__main__":
    main()
