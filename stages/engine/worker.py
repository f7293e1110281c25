"""What happens to one photo: load, process, keep. Runs in a worker process or inline."""

from __future__ import annotations

import os
import threading
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel

from stages.engine.stage import Reject, RejectForNow, RejectPhoto, Stage
from stages.engine.store import Result, Store
from stages.engine.units import Unit, load_sample
from stages.engine.workspace import FactoryError

INTERNAL_ERROR = "internal_error"


@dataclass(frozen=True)
class Done:
    """A worker's word on one unit. `failure` is set when the code raised: that is not kept."""

    unit: Unit
    failure: Reject | None = None


def _failure(unit: Unit, error: BaseException) -> Reject:
    place = traceback.extract_tb(error.__traceback__)[-1]
    return Reject(
        unit.key,
        None,
        INTERNAL_ERROR,
        f"{type(error).__name__}: {error}"[:500],
        {"at": f"{Path(place.filename).name}:{place.lineno} in {place.name}"},
    )


def work(stage: Stage, store: Store, unit: Unit) -> Done:
    """Process one unit and keep its result. Only an unexpected exception leaves nothing behind."""
    try:
        sample = load_sample(unit)
        try:
            result = Result.of(stage.process(sample))
        except RejectPhoto as out:
            reject = Reject(unit.key, None, out.code, out.message, out.evidence)
            if isinstance(out, RejectForNow):
                return Done(unit, reject)
            result = Result(None, {}, [reject])
        store.put(unit.store_key, result)
    except Exception as error:  # one photo's failure never stops the rest; the gate bounds it
        return Done(unit, _failure(unit, error))
    return Done(unit)


_stage: Stage | None = None
_store: Store | None = None
_setup_error: str | None = None


def _leave_with_parent(parent: int) -> None:
    """End this worker when the driver is gone, however it went (SIGKILL included)."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def limit_threads(threads: int) -> None:
    """One thread a worker: with more, OpenMP waits cost 40 to 90 times on a busy machine."""
    import torch

    torch.set_num_threads(threads)


def initialise(
    stage: type[Stage],
    params: BaseModel,
    base: BaseModel,
    store: Path,
    threads: int,
    parent: int,
) -> None:
    """Make this process a worker: build the stage and load its models once."""
    global _stage, _store, _setup_error
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    _stage = stage(params, base)  # pyright: ignore[reportArgumentType]
    _store = Store(store)
    limit_threads(threads)
    try:
        _stage.setup()
    except Exception as error:
        # Raising here would only break the pool; the word must reach the driver.
        _setup_error = f"{_stage.name}: cannot load its models: {type(error).__name__}: {error}"


def work_here(unit: Unit) -> Done:
    """`work` with this process's stage and store.

    Raises:
        FactoryError: the models did not load in this process.
    """
    if _setup_error is not None:
        raise FactoryError(_setup_error)
    if _stage is None or _store is None:
        raise RuntimeError("initialise() was not called in this process")
    return work(_stage, _store, unit)
