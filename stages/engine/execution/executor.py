"""Executors: compute units in this process, in local worker processes or on a Ray cluster."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext

from stages.engine.execution import devices, ray_driver
from stages.engine.execution.job import Job
from stages.engine.execution.time_limit import end_stage_after
from stages.engine.execution.units import Unit
from stages.engine.execution.worker import (
    GpuQueue,
    UnitOutcome,
    check_ready,
    initialise,
    load,
    work,
    work_in_worker,
)
from stages.engine.settings import ExecutorSettings
from stages.engine.stage import Stage
from stages.engine.storage.store import Store
from stages.engine.workspace import Workspace

_UNITS_PER_WORKER = 4
"""Units that are submitted at the same time, for each worker: one is computed, the others wait, so
that no worker has to."""
_MAX_TRACES = 1 << 16
"""Bytes that a pipe holds on Linux."""
Executor = Callable[[Job, Collection[Unit]], Iterator[UnitOutcome]]
"""Computes the units in any order, writes results to the store and yields each unit's outcome."""


def execute(
    stage: Stage, store: Store, units: Collection[Unit], settings: ExecutorSettings, code: str
) -> Iterator[UnitOutcome]:
    """Compute units in any order; write results to the store and yield each unit's outcome.

    `code` is the digest of the stage's sources from which the units' keys were computed.

    Raises:
        FactoryError: the models cannot be loaded, an input is damaged, the store cannot be written,
            the code was edited in the meantime, or the cluster cannot be used.
    """
    if not units:
        return
    job = Job(stage, store, settings, code)
    with _set_environment(job.environment()):
        yield from EXECUTORS[settings.kind](job, units)


def _run_inline(job: Job, units: Collection[Unit]) -> Iterator[UnitOutcome]:
    load(job.stage, job.settings.threads)
    traces = Workspace.find().reports / f"{job.stage.name}.hang.txt"
    for unit in units:
        with end_stage_after(job.seconds, job.describe_hang(unit, traces), traces):
            outcome = work(job.stage, job.store, unit)
        yield outcome


def _run_in_processes(job: Job, units: Collection[Unit]) -> Iterator[UnitOutcome]:
    return _Processes(job).run(units)


EXECUTORS: dict[str, Executor] = {
    "inline": _run_inline,
    "processes": _run_in_processes,
    "ray": ray_driver.run,
}
"""Executor by its name in factory.toml (`ExecutorSettings.kind`)."""


def count_gpus(stage: Stage) -> int:
    """Return how many GPUs the stage's workers use; 0 if it computes on the CPU."""
    found = stage.devices()
    return devices.count_usable_gpus(found) if devices.on_gpu(found) else 0


def _gpu_queue(workers: int, gpus: int, context: SpawnContext) -> GpuQueue:
    """Return a queue from which each new worker takes its GPU; None with fewer than two GPUs."""
    if gpus <= 1:
        return None
    queue = context.SimpleQueue()
    for name in devices.assign_gpus(workers, gpus):
        queue.put(name)
    return queue


@contextmanager
def _set_environment(values: dict[str, str]) -> Iterator[None]:
    """Set variables for this process and its workers."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _start_resource_tracker() -> None:
    """Start multiprocessing's resource tracker in a process group of its own.

    It removes the semaphores of processes that have ended, however they did, and would be killed
    with them: a killed build takes the whole group with it (`leash`). It ends with them too.
    """
    group = os.getpgrp()
    with suppress(OSError):  # the leader of a session cannot leave its group
        os.setpgid(0, 0)
    try:
        resource_tracker.ensure_running()
    finally:
        with suppress(OSError):
            os.setpgid(0, group)


def _read_traces(receiver: Connection) -> str:
    """Return what a worker that has ended wrote to the pipe; empty if nothing."""
    os.set_blocking(receiver.fileno(), False)
    try:
        return os.read(receiver.fileno(), _MAX_TRACES).decode(errors="replace")
    except BlockingIOError:
        return ""


@dataclass(frozen=True)
class _Processes:
    job: Job

    @contextmanager
    def _pool(
        self, workers: int, traces: Connection | None = None
    ) -> Iterator[ProcessPoolExecutor]:
        _start_resource_tracker()
        context = multiprocessing.get_context("spawn")
        queue = _gpu_queue(workers, count_gpus(self.job.stage), context)
        arguments = (self.job.setup(), os.getpid(), queue, traces)
        pool = ProcessPoolExecutor(workers, context, initialise, arguments)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def run(self, units: Collection[Unit]) -> Iterator[UnitOutcome]:
        """Compute the units. When a worker dies, compute the units in flight again one at a time:
        the one that kills its worker again is rejected."""
        waiting, left = iter(units), len(units)
        submitted: dict[str, Unit] = {}
        while True:
            workers = self.job.settings.worker_count(left, count_gpus(self.job.stage))
            for outcome in self._run_until_crash(submitted, waiting, workers):
                left -= 1
                yield outcome
            if not submitted:
                return
            # The pool hands units out in order, so those in flight are the first of those left.
            for unit in list(submitted.values())[:workers]:
                submitted.pop(unit.key)
                left -= 1
                yield self._run_alone(unit)

    def _run_until_crash(
        self, submitted: dict[str, Unit], waiting: Iterator[Unit], workers: int
    ) -> Iterator[UnitOutcome]:
        """Yield the outcomes of all units, or of those that were done when a worker died, which
        breaks the pool.

        Args:
            submitted: the units that are computed first, by key. Units are added when they are
                submitted, and removed when they are done.
            waiting: the other units.
            workers: number of workers.
        """
        with self._pool(workers) as pool:
            futures: set[Future[UnitOutcome]] = set()
            again, broken = iter(list(submitted.values())), False
            while True:
                while not broken and len(futures) < workers * _UNITS_PER_WORKER:
                    unit = next(again, None) or next(waiting, None)
                    if unit is None:
                        break
                    submitted[unit.key] = unit
                    try:
                        futures.add(pool.submit(work_in_worker, unit))
                    except BrokenProcessPool:
                        broken = True
                if not futures:
                    return
                done, futures = wait(futures, return_when=FIRST_COMPLETED)
                for future in done:
                    try:
                        outcome = future.result()
                    except BrokenProcessPool:
                        broken = True
                        continue
                    submitted.pop(outcome.unit.key)
                    yield outcome

    def _run_alone(self, unit: Unit) -> UnitOutcome:
        if stored := self.job.find_stored(unit):
            return stored
        receiver, sender = multiprocessing.Pipe(duplex=False)
        with receiver, sender, self._pool(1, sender) as pool:
            try:
                pool.submit(check_ready).result()
            except BrokenProcessPool as error:
                raise self.job.died_while_loading() from error
            try:
                return pool.submit(work_in_worker, unit).result()
            except BrokenProcessPool:
                return self.job.reject_killer(unit, _read_traces(receiver))
