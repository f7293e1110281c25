"""The actor of the Ray executor: a process somewhere on the cluster that computes photos.

Ray imports this module on every node from the node's own checkout, so a worker compares what
results depend on before it loads anything.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from stages.engine.execution.time_limit import STDERR, end_worker_after
from stages.engine.execution.units import Unit, load_sample
from stages.engine.execution.worker import UnitOutcome, WorkerSetup, work
from stages.engine.provenance import machine_facts
from stages.engine.stage import Sample, Stage
from stages.engine.storage.store import Store
from stages.engine.workspace import FactoryError

_TIME_IS_UP = re.compile(r"^Timeout \(\d+:\d\d:\d\d[.\d]*\)!$", re.MULTILINE)
"""First line of what `faulthandler` writes before it ends a process."""
_MAX_TRACES = 1 << 16


@dataclass(frozen=True)
class Place:
    """Where a worker runs."""

    host: str
    node: str
    """Ray's identifier of the node."""
    log: str
    """File on the node that takes the worker's standard error."""


def read_hang(log: str) -> str:
    """Return the tracebacks that a worker wrote to its log when the time of its photo was up; empty
    if it ended in another way. Called on the worker's node, because Ray gives the same reason for
    every end.

    Raises:
        OSError: there is no such file.
    """
    text = Path(log).read_text(errors="replace")
    found = _TIME_IS_UP.search(text)
    return text[found.start() :][:_MAX_TRACES] if found else ""


def find_difference(driver: Mapping[str, str], worker: Mapping[str, str]) -> str | None:
    """Return the first fact that is not the same on both machines, as text; None if all are."""
    for name in [*driver, *(name for name in worker if name not in driver)]:
        here, there = driver.get(name, "absent"), worker.get(name, "absent")
        if here != there:
            if len(here) == len(there) == 64:  # digests say nothing to a reader
                return name
            return f"{name} ({there}, the driver has {here})"
    return None


class RayWorker:
    """Holds a stage's models. Wrapped by ``ray.remote``; one call at a time."""

    _stage: Stage
    _store: Store
    _seconds: float

    def start(self, setup: WorkerSetup, facts: Mapping[str, str]) -> Place:
        """Do as `prepare`, and return where this worker runs."""
        from ray import get_runtime_context

        host = self.prepare(setup, facts)
        try:
            log = str(Path(f"/proc/self/fd/{STDERR}").readlink())
        except OSError:  # not on Linux
            log = ""
        return Place(host, get_runtime_context().get_node_id(), log)

    def prepare(self, setup: WorkerSetup, facts: Mapping[str, str]) -> str:
        """Load the stage's models and return the name of this node.

        Args:
            setup: the stage to load.
            facts: the driver's `machine_facts`.

        Raises:
            FactoryError: the node differs from the driver's, or the models cannot be loaded.
        """
        node = socket.gethostname()
        if difference := find_difference(facts, machine_facts(setup.create())):
            raise FactoryError(
                f"{setup.stage.name}: node {node} would not give the same bytes, its {difference} "
                "differs: give all nodes the same checkout, environment, weights and class of "
                "CPU and GPU (docs/scale.md)"
            )
        try:
            self._stage, self._store = setup.build(), setup.store
            self._seconds = setup.seconds
        except FactoryError as error:
            raise FactoryError(f"{error} (on node {node})") from error
        return node

    def work(self, unit: Unit, sample: Sample | None) -> UnitOutcome | None:
        """Compute one unit and store its result, as `worker.work` does, within the time limit.

        The tracebacks of a photo that hangs go to this worker's log.

        Returns:
            The outcome; None if the inputs cannot be read on this node, so the driver has to send
            them.

        Raises:
            FactoryError: the store cannot be written.
        """
        with end_worker_after(self._seconds, STDERR):
            if sample is None:
                with suppress(OSError, ValueError):
                    sample = load_sample(unit)
            return None if sample is None else work(self._stage, self._store, unit, sample)
