"""Executors: compute units in this process or in local worker processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnContext

from stages.engine.codes import EngineCode
from stages.engine.execution import devices
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
from stages.engine.stage import Reject, Stage
from stages.engine.storage.store import Store
from stages.engine.workspace import CURRENT_STAGE, FactoryError

_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OPENCV_FOR_THREADS_NUM",
)


def execute(
    stage: Stage, store: Store, units: list[Unit], settings: ExecutorSettings, code: str
) -> Iterator[UnitOutcome]:
    """Compute units in any order; write results to the store and yield each unit's outcome.

    `code` is the digest of the stage's sources from which the units' keys were computed.

    Raises:
        FactoryError: the models cannot be loaded, an input is damaged, the store cannot be written,
            or the code was edited in the meantime.
    """
    if not units:
        return
    with _set_environment(stage.name, settings.threads):
        if settings.kind == "inline":
            load(stage, settings.threads)
            for unit in units:
                yield work(stage, store, unit)
        else:
            yield from _Processes(stage, store, settings, code).run(units)


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
def _set_environment(stage: str, threads: int) -> Iterator[None]:
    """Set the numbers of threads, which numeric libraries read when they are imported, here or in a
    worker, and the stage's name, which the ledger of calls reads."""
    values = {**dict.fromkeys(_THREAD_VARIABLES, str(threads)), CURRENT_STAGE: stage}
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@dataclass(frozen=True)
class _Processes:
    stage: Stage
    store: Store
    settings: ExecutorSettings
    code: str

    @contextmanager
    def _pool(self, workers: int) -> Iterator[ProcessPoolExecutor]:
        stage, threads = self.stage, self.settings.threads
        context = multiprocessing.get_context("spawn")
        arguments = (
            type(stage), stage.params, stage.base, self.store.root, threads, self.code, os.getpid(),
            _gpu_queue(workers, count_gpus(stage), context),
        )  # fmt: skip
        pool = ProcessPoolExecutor(workers, context, initialise, arguments)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def run(self, units: list[Unit]) -> Iterator[UnitOutcome]:
        """Compute the units. When a worker dies, compute the units in flight again one at a time:
        the one that kills its worker again is rejected."""
        left = {unit.key: unit for unit in units}
        while left:
            workers = self.settings.worker_count(len(left), count_gpus(self.stage))
            for outcome in self._run_until_crash(list(left.values()), workers):
                left.pop(outcome.unit.key)
                yield outcome
            # The pool hands units out in order, so those in flight are the first of those left.
            for unit in list(left.values())[:workers]:
                left.pop(unit.key)
                yield self._run_alone(unit)

    def _run_until_crash(self, units: list[Unit], workers: int) -> Iterator[UnitOutcome]:
        """Yield the outcomes of all units, or of those that were done when a worker died, which
        breaks the pool."""
        with self._pool(workers) as pool:
            futures: list[Future[UnitOutcome]] = []
            with suppress(BrokenProcessPool):
                for unit in units:
                    futures.append(pool.submit(work_in_worker, unit))
            for future in as_completed(futures):
                with suppress(BrokenProcessPool):
                    yield future.result()

    def _run_alone(self, unit: Unit) -> UnitOutcome:
        stored = self.store.get(unit.store_key)
        if stored is not None:  # the worker died after it had stored the result
            return UnitOutcome(unit, rejected=stored.document is None)
        with self._pool(1) as pool:
            try:
                pool.submit(check_ready).result()
            except BrokenProcessPool as error:
                message = (
                    f"{self.stage.name}: its worker died while it loaded the models (out of "
                    "memory?); lower executor.workers in factory.toml"
                )
                raise FactoryError(message) from error
            try:
                return pool.submit(work_in_worker, unit).result()
            except BrokenProcessPool:
                message = "its worker process died (out of memory?); use smaller photos"
                reject = Reject(unit.key, None, EngineCode.WORKER_DIED, message)
                return UnitOutcome(unit, reject, rejected=True)
