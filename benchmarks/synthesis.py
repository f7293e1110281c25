"""What synthesis costs against the published method, on the same weights, photos and mappings.

    python -m benchmarks.synthesis [--photos 6] [--side 384] [--dtype float32] [--compile]
    python -m benchmarks.synthesis --full-shape --device cuda   # FLUX.1-dev's shape, random weights

The released recipe (benchmarks/released.py), the same with FireFlow, and the factory's stages with
four and eight variants a window, at the steps of params.yaml and at the recipe's 8, take turns over
the windows, so that a busy machine slows all alike. Ratios are taken window by window, in processor
time on a CPU and in wall time on a GPU; printed are medians. A second table says how far sparse
injection is from dense (benchmarks/agreement.py). A pair of ours holds everything from photo to
composite and mask, the recipe's ends with the decoded window. Every figure goes to
benchmarks/results/<name>.json, window by window; a run that is stopped prints what it has.
"""

from __future__ import annotations

import argparse
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
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
from benchmarks.stopping import UntilStopped
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


@dataclass
class Measured:
    """What was measured so far on the windows of the photos."""

    given: argparse.Namespace
    inverting: InvertParams
    injecting: InjectParams
    machine: dict[str, Any]
    clock: Clock
    tasks: list[Task]
    rows: list[Row] = field(default_factory=list[Row])
    agreement: list[Agreement] = field(default_factory=list[Agreement])

    @property
    def windows(self) -> list[Task]:
        """Those that every contestant has had."""
        return self.tasks[: len(self.rows[0].costs) if self.rows else 0]

    def tables(self) -> list[Table]:
        """Of whatever there is."""
        if not self.windows:
            return []
        where = self.machine
        title = (
            f"{len(self.windows)} windows of {self.given.side} px, "
            f"{statistics.mean(targets(self.windows)):.1%} targets; "
            f"{where['gpu'] or where['cpu']}, {where['threads']} of {where['cores']} cores, "
            f"{where['dtype']}{', compiled' if self.given.compile else ''}"
        )
        found = [speed_table(self.rows, self.clock, title)]
        return [*found, agreement_table(self.agreement)] if self.agreement else found

    def figures(self) -> dict[str, Any]:
        """For JSON: settings, and every window's costs."""
        speed = [
            row.figures()
            | {
                "ratios": {
                    "with_autoencoder": ratios(self.rows, row, self.clock, True),
                    "without": ratios(self.rows, row, self.clock, False),
                }
            }
            for row in self.rows
        ]
        return {
            "machine": self.machine,
            "settings": {
                "side": self.given.side,
                "compiled": self.given.compile,
                "invert": self.inverting.model_dump(mode="json"),
                "inject": self.injecting.model_dump(mode="json"),
            },
            "windows": [task.name for task in self.windows],
            "targets": targets(self.windows),
            "speed": speed,
            "agreement": [asdict(one) for one in self.agreement],
        }


def main() -> None:
    """Measure, print, write."""
    given = arguments()
    torch.set_num_threads(given.threads)
    (full if given.full_shape else whole)(given, Console(width=150))


def full(given: argparse.Namespace, console: Console) -> None:
    """FLUX.1-dev's shape; written after every row, since compiling takes minutes."""
    last: dict[str, Any] = {}
    with console.status("") as status:
        steps = UntilStopped(full_shape.run(torch.device(given.device), status.update))
        for last in steps:
            write(given.name or "full-shape", last)
    if last:
        console.print(full_shape.table(last))
    steps.leave()


def whole(given: argparse.Namespace, console: Console) -> None:
    """The photos' windows; figures of all of them are written, those of a stopped run printed."""
    with console.status("") as status:
        steps = UntilStopped(measured(given, status.update))
        found = list(steps)[-1:]  # each has what those before it had
    for table in found[0].tables() if found else ():
        console.print(table)
    steps.leave()
    write(given.name or f"synthesis-{given.side}", found[0].figures())


def measured(given: argparse.Namespace, on_job: Callable[[str], None]) -> Iterator[Measured]:
    """Both tables' figures, with the model of params.yaml, after every window.

    Raises:
        SystemExit: no photo offers a window with enough flaws.
    """
    params = parse_params(read_params(ROOT))
    base, inverting, injecting = (params[name] for name in ("base", "invert", "inject"))
    assert isinstance(base, BaseParams)  # noqa: S101
    assert isinstance(inverting, InvertParams) and isinstance(injecting, InjectParams)  # noqa: S101
    on_job("preparing windows")
    tasks = from_photos(ROOT, given.source, given.side, given.photos, VARIANTS)
    if not tasks:
        raise SystemExit(f"{given.source}: no photo has a window with {VARIANTS} flaws")
    options = choice("flow", base.profile).options | {"device": given.device}
    if given.dtype:
        options["dtype"] = given.dtype
    flow = DiffusersFlow(**options | {"compile": given.compile})
    clock = "wall" if flow.transformer.device.type == "cuda" else "cpu"
    found = Measured(given, inverting, injecting, machine(flow), clock, tasks)
    entries = contestants(inverting, injecting, sorted({inverting.steps, STEPS}))
    for rows in race(flow, tasks, entries, on_job):
        found.rows = rows
        yield found
    lpips = metric(base.profile)
    for task in tasks:
        on_job(f"{task.name}: sparse against dense")
        found.agreement += agreement(flow, task, COMPARED, inverting, injecting, lpips)
        yield found


def targets(tasks: Sequence[Task]) -> list[float]:
    """Each window's mean share of tokens that a flaw aims at."""
    return [statistics.mean(len(v.targets) / task.tokens for v in task.variants) for task in tasks]


def arguments() -> argparse.Namespace:
    """The command line's."""
    parser = argparse.ArgumentParser(description="What synthesis costs.")
    parser.add_argument("--photos", type=int, default=6, help="how many of the folder's")
    parser.add_argument("--source", type=Path, default=ROOT / "samples/photos", help="the folder")
    parser.add_argument("--side", type=int, default=384, choices=(256, 384, 512))
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
