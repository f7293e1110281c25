"""Time methods by turns over the windows, and compute what a pair costs with each."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from benchmarks.meter import Cost, Meter
from benchmarks.methods import Method
from benchmarks.workload import Task
from stages.models.flow.model import Flow

Clock = Literal["cpu", "wall"]


@dataclass
class Row:
    """The costs of one method, window by window."""

    name: str
    pairs: int
    """Pairs that one job makes."""
    costs: list[Cost] = field(default_factory=list[Cost])
    sizes: list[int] = field(default_factory=list[int])
    """Tokens of one dense evaluation, for each window."""

    def seconds(self, clock: Clock, autoencoder: bool = True) -> list[float]:
        """Return the seconds per pair, for each window."""
        times = [c.whole if autoencoder else c.whole - c.autoencoder for c in self.costs]
        return [getattr(time, clock) / self.pairs for time in times]

    def evaluations(self) -> list[float]:
        """Return the evaluations per pair, for each window.

        The tokens that went through the transformer, over those of one dense evaluation.
        """
        return [c.tokens / n / self.pairs for c, n in zip(self.costs, self.sizes, strict=True)]

    def ratios(self, other: Row, clock: Clock, autoencoder: bool = True) -> list[float]:
        """Return how many times cheaper a pair is than one of `other`, for each window."""
        own, theirs = self.seconds(clock, autoencoder), other.seconds(clock, autoencoder)
        return [b / a for a, b in zip(own, theirs, strict=True)]

    def peak(self) -> int | None:
        """Return the largest known peak of a job in bytes, or None."""
        known = [cost.peak for cost in self.costs if cost.peak is not None]
        return max(known, default=None)

    def figures(self) -> dict[str, Any]:
        """Return medians and the costs of every window, as JSON values."""
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


def time_methods(
    flow: Flow,
    tasks: Sequence[Task],
    methods: Sequence[Method],
    on_job: Callable[[str], None],
    warm_up: bool = True,
) -> Iterator[list[Row]]:
    """Time all methods on the first window, then all on the second, and so on.

    Yields a row for each method after every window.

    Args:
        flow: the model.
        tasks: the windows.
        methods: the methods to time.
        on_job: called with a description of each job before it runs.
        warm_up: run each method once first, so that one-time setup is not counted.
    """
    meter = Meter(flow)
    rows = [Row(method.name, method.pairs) for method in methods]
    for method in methods if warm_up else ():
        on_job(f"warming up: {method.name}")
        method.job(flow, tasks[0])
    for task in tasks:
        costs: list[Cost] = []
        for method in methods:
            on_job(f"{task.name}: {method.name}")
            _, cost = meter.measure(lambda method=method, task=task: method.job(flow, task))
            costs.append(cost)
        # A window counts only when all methods have run on it.
        for row, cost in zip(rows, costs, strict=True):
            row.costs.append(cost)
            row.sizes.append(task.tokens + flow.prompts.tokens)
        yield rows
