"""Executors: the same units, computed in this process or in local worker processes."""

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
from stages.engine.execution.worker import Done, Places, initialise, load, ready, work, work_here
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
) -> Iterator[Done]:
    """Compute units in any order; results go to the store, the word on each is yielded.

    `code` is the digest of the stage's sources that the units' keys were made with.

    Raises:
        FactoryError: the models do not load, an input is damaged, the store cannot be written, or
            the code was edited meanwhile.
    """
    if not units:
        return
    with _environment(stage.name, settings.threads):
        if settings.kind == "inline":
            load(stage, settings.threads)
            for unit in units:
                yield work(stage, store, unit)
        else:
            yield from _Processes(stage, store, settings, code).run(units)


def gpus_of(stage: Stage) -> int:
    """How many GPUs the stage's workers are spread over; 0 = it computes on the CPU."""
    found = stage.devices()
    return devices.spread(found) if devices.on_gpu(found) else 0


def _places(workers: int, gpus: int, context: SpawnContext) -> Places:
    """Where each new worker takes the GPU that it may see; None where there is no choice."""
    if gpus <= 1:
        return None
    places = context.SimpleQueue()
    for name in devices.shares(workers, gpus):
        places.put(name)
    return places


@contextmanager
def _environment(stage: str, threads: int) -> Iterator[None]:
    """Numeric libraries read theirs when they are imported, here or in a worker; the ledger of
    calls reads whose they are."""
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
            _places(workers, gpus_of(stage), context),
        )  # fmt: skip
        pool = ProcessPoolExecutor(workers, context, initialise, arguments)
        try:
            yield pool
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def run(self, units: list[Unit]) -> Iterator[Done]:
        """When a worker dies, those in flight are tried again one at a time: the one that kills
        its worker is rejected, the others go on."""
        left = {unit.key: unit for unit in units}
        while left:
            workers = self.settings.worker_count(len(left), gpus_of(self.stage))
            for done in self._until_a_death(list(left.values()), workers):
                left.pop(done.unit.key)
                yield done
            # Work is handed out in order: those in flight are the first of those left.
            for unit in list(left.values())[:workers]:
                left.pop(unit.key)
                yield self._alone(unit)

    def _until_a_death(self, units: list[Unit], workers: int) -> Iterator[Done]:
        """All units, or those that were done when a worker died and broke the pool."""
        with self._pool(workers) as pool:
            futures: list[Future[Done]] = []
            with suppress(BrokenProcessPool):
                for unit in units:
                    futures.append(pool.submit(work_here, unit))
            for future in as_completed(futures):
                with suppress(BrokenProcessPool):
                    yield future.result()

    def _alone(self, unit: Unit) -> Done:
        kept = self.store.get(unit.store_key)
        if kept is not None:  # it died after its work was done
            return Done(unit, rejected=kept.document is None)
        with self._pool(1) as pool:
            try:
                pool.submit(ready).result()
            except BrokenProcessPool as error:
                message = f"{self.stage.name}: its worker dies while it loads (out of memory?)"
                raise FactoryError(message) from error
            try:
                return pool.submit(work_here, unit).result()
            except BrokenProcessPool:
                message = "its worker process died (out of memory?); use smaller photos"
                reject = Reject(unit.key, None, EngineCode.WORKER_DIED, message)
                return Done(unit, reject, rejected=True)
