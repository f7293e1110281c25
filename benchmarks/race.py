"""Contestants in turn over the windows, and what each one's pairs cost."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks.contestants import Contestant
from benchmarks.meter import Cost, Meter
from benchmarks.workload import Task
from stages.models.flow.model import Flow

Clock = Literal["cpu", "wall"]


@dataclass
class Row:
    """One contestant, window by window."""

    name: str
    pairs: int
    """That a job makes."""
    costs: list[Cost] = field(default_factory=list[Cost])
    sizes: list[int] = field(default_factory=list[int])
    """Tokens of one whole evaluation."""

    def seconds(self, clock: Clock, autoencoder: bool = True) -> list[float]:
        """Of a pair."""
        times = [c.whole if autoencoder else c.whole - c.autoencoder for c in self.costs]
        return [getattr(time, clock) / self.pairs for time in times]

    def evaluations(self) -> list[float]:
        """Of a pair: tokens that went through the transformer over those of one evaluation."""
        return [c.tokens / n / self.pairs for c, n in zip(self.costs, self.sizes, strict=True)]

    def ratios(self, other: Row, clock: Clock, autoencoder: bool = True) -> list[float]:
        """How many times cheaper a pair is than `other`'s."""
        own, theirs = self.seconds(clock, autoencoder), other.seconds(clock, autoencoder)
        return [b / a for a, b in zip(own, theirs, strict=True)]

    def peak(self) -> int | None:
        """Bytes of the greatest job."""
        known = [cost.peak for cost in self.costs if cost.peak is not None]
        return max(known, default=None)

    def figures(self) -> dict[str, Any]:
        """For JSON: medians, and every window's costs."""
        return {
            "name": self.name,
            "pairs": self.pairs,
            "evaluations": statistics.median(self.evaluations()),
            "peak_bytes": self.peak(),
            "seconds_a_pair": {
                clock: {
                    "with_autoencoder": statistics.median(self.seconds(clock)),
                    "without": statistics.median(self.seconds(clock, autoencoder=False)),
                }
                for clock in ("cpu", "wall")
            },
            "windows": [asdict(cost) for cost in self.costs],
        }


def race(
    flow: Flow,
    tasks: Sequence[Task],
    entries: Sequence[Contestant],
    on_job: Callable[[str], None],
    warm_up: bool = True,
) -> Iterator[list[Row]]:
    """Everyone on the first window, then everyone on the second ...; a row a contestant, after
    every window.

    Args:
        flow: the model.
        tasks: the windows.
        entries: the contestants.
        on_job: told what is being done.
        warm_up: run each once before, so that what is set up once is not counted.
    """
    meter = Meter(flow)
    rows = [Row(entry.name, entry.pairs) for entry in entries]
    for entry in entries if warm_up else ():
        on_job(f"warming up: {entry.name}")
        entry.job(flow, tasks[0])
    for task in tasks:
        costs: list[Cost] = []
        for entry in entries:
            on_job(f"{task.name}: {entry.name}")
            _, cost = meter.measure(lambda entry=entry, task=task: entry.job(flow, task))
            costs.append(cost)
        for row, cost in zip(rows, costs, strict=True):  # only once all have had the window
            row.costs.append(cost)
            row.sizes.append(task.tokens + flow.prompts.tokens)
        yield rows
