"""What happens to one photo: load, process, keep. Runs in a worker process or inline."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stages.engine.codes import EngineCode
from stages.engine.execution import devices
from stages.engine.execution.units import Unit, load_sample
from stages.engine.provenance import code_digest
from stages.engine.stage import Reject, RejectForNow, RejectPhoto, Stage
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import CURRENT_PHOTO, FactoryError

Places = SimpleQueue[str] | None
"""A value of CUDA_VISIBLE_DEVICES for each worker that starts."""


@dataclass(frozen=True)
class Done:
    """A worker's word on one unit."""

    unit: Unit
    failure: Reject | None = None
    """Why nothing was kept: the code raised, or the reason may be gone next time."""
    rejected: bool = False
    """The photo fell out, for good or for now."""
    traceback: str = ""
    """Of an internal error. For the report: paths have no place in reproducible outputs."""


def _place(frame: traceback.FrameSummary, root: Path | None = None) -> str:
    path = Path(frame.filename)
    name = path.relative_to(root.parent).as_posix() if root else path.name
    return f"{name}:{frame.lineno} in {frame.name}"


def _failure(stage: Stage, unit: Unit, error: BaseException) -> Reject:
    """Says where our own code was, and where it was raised if that is in somebody else's."""
    frames = traceback.extract_tb(error.__traceback__)
    folder = Path(sys.modules[type(stage).__module__].__file__ or __file__).parents[1]
    roots = (folder, Path(__file__).parents[2])
    own = [(f, r) for f in frames for r in roots if Path(f.filename).is_relative_to(r)]
    evidence = {"at": _place(*own[-1])}
    if own[-1][0] is not frames[-1]:
        evidence["raised_in"] = _place(frames[-1])
    # A message may quote a file name that is no UTF-8; manifests are.
    words = str(error).encode("utf-8", "backslashreplace").decode()
    message = f"{type(error).__name__}: {words}"[:500]
    return Reject(unit.key, None, EngineCode.INTERNAL_ERROR, message, evidence)


def _check_rows(rows: list[dict[str, Any]]) -> None:
    """Great Expectations takes NaN for "no value": it would pass every bound.

    Raises:
        ValueError: a number is not finite.
    """
    for row in rows:
        for column, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"the manifest's column {column!r} would hold {value}")


def _result(stage: Stage, unit: Unit) -> Result:
    """Raises: FactoryError when the inputs are damaged, which is not the photo's fault."""
    try:
        sample = load_sample(unit)
    except (OSError, ValueError) as error:
        raise FactoryError(f"{stage.name}: an input cannot be read: {error}") from error
    os.environ[CURRENT_PHOTO] = unit.key
    try:
        result = Result.of(stage.process(sample))
    except RejectForNow:
        raise
    except RejectPhoto as out:
        return Result(None, {}, [Reject(unit.key, None, out.code, out.message, out.evidence)])
    finally:
        os.environ.pop(CURRENT_PHOTO)
    _check_rows(stage.rows(result.document or {}))
    return result


def work(stage: Stage, store: Store, unit: Unit) -> Done:
    """Process one unit and keep its result.

    Raises:
        FactoryError: an input is damaged, or the store cannot be written (disk full?).
    """
    try:
        result = _result(stage, unit)
        store.put(unit.store_key, result)
    except FactoryError:
        raise
    except RejectForNow as out:
        reject = Reject(unit.key, None, out.code, out.message, out.evidence)
        return Done(unit, reject, rejected=True)
    except Exception as error:  # one photo's failure never stops the rest; the gate bounds it
        told = "".join(traceback.format_exception(error))
        return Done(unit, _failure(stage, unit, error), rejected=True, traceback=told)
    return Done(unit, rejected=result.document is None)


_stage: Stage | None = None
_store: Store | None = None
_setup_error: str | None = None


def _leave_with_parent(parent: int) -> None:
    """End this worker when the driver is gone, however it went (SIGKILL included)."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _limit_threads(threads: int) -> None:
    """One thread a worker: with more, OpenMP waits cost 40 to 90 times on a busy machine.

    What is imported later reads the environment, where the executor has put the number.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def load(stage: Stage, threads: int) -> None:
    """Load a stage's models in this process.

    Raises:
        FactoryError: they do not load.
    """
    _limit_threads(threads)
    try:
        stage.setup()
    except FactoryError:
        raise
    except Exception as error:
        message = f"{stage.name}: cannot load its models: {type(error).__name__}: {error}"
        raise FactoryError(message) from error
    _limit_threads(threads)


def initialise(
    stage: type[Stage],
    params: BaseModel,
    base: BaseModel,
    store: Path,
    threads: int,
    code: str,
    parent: int,
    places: Places,
) -> None:
    """Make this process a worker: build the stage and load its models once.

    `code` is the driver's digest of the stage's sources: a worker that started after an edit would
    put the new code's results under the old code's keys. `places` holds a GPU for each worker.
    """
    global _stage, _store, _setup_error
    threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
    if places is not None:
        os.environ[devices.VISIBLE] = places.get()  # before CUDA is first used
    try:
        built = stage(params, base)  # pyright: ignore[reportArgumentType]
        load(built, threads)
        if code_digest(stage) != code:
            raise FactoryError(f"{built.name}: its code was edited while it ran; run it again")
        _stage, _store = built, Store(store)
    except Exception as error:
        # Raising here would only break the pool; the word must reach the driver.
        known = isinstance(error, FactoryError)
        _setup_error = str(error) if known else f"{type(error).__name__}: {error}"


def ready() -> None:
    """Nothing, in a process that can work.

    Raises:
        FactoryError: the models did not load in this process.
    """
    if _setup_error is not None:
        raise FactoryError(_setup_error)


def work_here(unit: Unit) -> Done:
    """`work` with this process's stage and store.

    Raises:
        FactoryError: the models did not load in this process; see `work` for the others.
    """
    ready()
    if _stage is None or _store is None:
        raise RuntimeError("initialise() was not called in this process")
    return work(_stage, _store, unit)
