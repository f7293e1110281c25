"""Executors: the same units, computed in this process or in local worker processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager

from stages.engine.settings import ExecutorSettings
from stages.engine.stage import Reject, Stage
from stages.engine.store import Store
from stages.engine.units import Unit
from stages.engine.worker import Done, initialise, limit_threads, work, work_here

WORKER_DIED = "worker_died"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def execute(
    stage: Stage, store: Store, units: list[Unit], settings: ExecutorSettings
) -> Iterator[Done]:
    """Compute units in any order; results go to the store, the word on each is yielded."""
    if not units:
        return
    if settings.kind == "inline":
        limit_threads(settings.threads)
        stage.setup()
        for unit in units:
            yield work(stage, store, unit)
        return
    yield from _in_processes(stage, store, units, settings)


@contextmanager
def _pool(
    stage: Stage, store: Store, workers: int, settings: ExecutorSettings
) -> Iterator[ProcessPoolExecutor]:
    # Thread counts must be in the environment before a worker imports its numeric libraries.
    before = {name: os.environ.get(name) for name in _THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(_THREAD_VARIABLES, str(settings.threads)))
    arguments = (
        type(stage), stage.params, stage.base, store.root, settings.threads, os.getpid(),
    )  # fmt: skip
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initialise, arguments)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _in_processes(
    stage: Stage, store: Store, units: list[Unit], settings: ExecutorSettings
) -> Iterator[Done]:
    """When a worker dies, those in flight are tried again one at a time: the one that kills its
    worker is rejected, the others go on."""
    left = {unit.key: unit for unit in units}
    while left:
        workers = settings.worker_count(len(left))
        try:
            with _pool(stage, store, workers, settings) as pool:
                futures: dict[Future[Done], Unit] = {
                    pool.submit(work_here, unit): unit for unit in left.values()
                }
                for future in as_completed(futures):
                    done = future.result()
                    left.pop(done.unit.key)
                    yield done
        except BrokenProcessPool:
            suspects = list(left.values())[: 2 * workers]
            for unit in suspects:
                kept = store.has(unit.store_key)
                yield Done(unit) if kept else _alone(stage, store, unit, settings)
                left.pop(unit.key)


def _alone(stage: Stage, store: Store, unit: Unit, settings: ExecutorSettings) -> Done:
    try:
        with _pool(stage, store, 1, settings) as pool:
            return pool.submit(work_here, unit).result()
    except BrokenProcessPool:
        message = "its worker process died (out of memory?); use smaller photos or fewer workers"
        return Done(unit, Reject(unit.key, None, WORKER_DIED, message))
