"""Computes one unit: loads, processes, stores. Runs in a worker process or inline."""

from __future__ import annotations

import math
import os
import sys
import threading
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from stages.engine.codes import EngineCode
from stages.engine.execution import devices
from stages.engine.execution.time_limit import STDERR, end_worker_after
from stages.engine.execution.units import Unit, load_sample
from stages.engine.faults import is_out_of_memory
from stages.engine.provenance import code_digest
from stages.engine.stage import Reject, RejectForNow, RejectPhoto, Sample, Stage
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import CURRENT_PHOTO, FactoryError

_OUT_OF_MEMORY = (
    "there was not enough memory for it; lower executor.workers in factory.toml, or use smaller "
    "photos"
)
GpuQueue = SimpleQueue[str] | None
"""Holds a value of CUDA_VISIBLE_DEVICES for each worker that starts."""


@dataclass(frozen=True)
class UnitOutcome:
    """The outcome of computing one unit."""

    unit: Unit
    failure: Reject | None = None
    """Why nothing was stored: an internal error, or a reason that may be gone in the next run."""
    rejected: bool = False
    """Whether the photo was rejected, stored or not."""
    try_again: bool = False
    """Whether the reason of `failure` may be gone in the next build, which then tries again."""
    traceback: str = ""
    """Traceback of an internal error, or of a photo that hung, for the report only: outputs are
    reproducible and must not contain paths."""


def _format_frame(frame: traceback.FrameSummary, root: Path | None = None) -> str:
    path = Path(frame.filename)
    name = path.relative_to(root.parent).as_posix() if root else path.name
    return f"{name}:{frame.lineno} in {frame.name}"


def _internal_error(stage: Stage, unit: Unit, error: BaseException) -> Reject:
    """Return the reject of a photo on which the code failed.

    Its evidence names the last frame of our own code (``at``) and, if a library raised the
    exception, the frame that did (``raised_in``).
    """
    frames = traceback.extract_tb(error.__traceback__)
    folder = Path(sys.modules[type(stage).__module__].__file__ or __file__).parents[1]
    roots = (folder, Path(__file__).parents[2])
    own = [(f, r) for f in frames for r in roots if Path(f.filename).is_relative_to(r)]
    evidence = {"at": _format_frame(*own[-1])}
    if own[-1][0] is not frames[-1]:
        evidence["raised_in"] = _format_frame(frames[-1])
    # A message may quote a file name that is not UTF-8, but parquet holds UTF-8 only.
    text = str(error).encode("utf-8", "backslashreplace").decode()
    message = f"{type(error).__name__}: {text}"[:500]
    return Reject(unit.key, None, EngineCode.INTERNAL_ERROR, message, evidence)


def _check_rows(rows: list[dict[str, Any]]) -> None:
    """Refuse NaN and infinity: Great Expectations reads NaN as "no value", which passes all bounds.

    Raises:
        ValueError: a number is not finite.
    """
    for row in rows:
        for column, value in row.items():
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"the manifest's column {column!r} would hold {value}")


def read_sample(stage: Stage, unit: Unit) -> Sample:
    """Read a unit's inputs.

    Raises:
        FactoryError: an input is damaged, which is not the photo's fault.
    """
    try:
        return load_sample(unit)
    except (OSError, ValueError) as error:
        raise FactoryError(f"{stage.name}: an input cannot be read: {error}") from error


def _compute_result(stage: Stage, unit: Unit, sample: Sample) -> Result:
    """Process one unit.

    Raises:
        RejectForNow: as `Stage.process` raised it.
    """
    os.environ[CURRENT_PHOTO] = unit.key
    try:
        result = Result.of(stage.process(sample))
    except RejectForNow:
        raise
    except RejectPhoto as reject:
        reason = (reject.code, reject.message, reject.evidence)
        return Result(None, {}, [Reject(unit.key, None, *reason)])
    finally:
        os.environ.pop(CURRENT_PHOTO)
    _check_rows(stage.rows(result.document or {}))
    return result


def work(stage: Stage, store: Store, unit: Unit, sample: Sample | None = None) -> UnitOutcome:
    """Process one unit and store its result. `sample` is read if it is not given.

    Raises:
        FactoryError: an input is damaged, or the store cannot be written (disk full?).
    """
    try:
        sample = sample or read_sample(stage, unit)
        result = _compute_result(stage, unit, sample)
        store.put(unit.store_key, result)
    except FactoryError:
        raise
    except RejectForNow as reject:
        reason = (reject.code, reject.message, reject.evidence)
        failure = Reject(unit.key, None, *reason)
        return UnitOutcome(unit, failure, rejected=True, try_again=True)
    except Exception as error:  # a failure never stops the other photos; the gate limits failures
        text = "".join(traceback.format_exception(error))
        if is_out_of_memory(error):
            failure = Reject(unit.key, None, EngineCode.OUT_OF_MEMORY, _OUT_OF_MEMORY)
            return UnitOutcome(unit, failure, rejected=True, try_again=True, traceback=text)
        failure = _internal_error(stage, unit, error)
        return UnitOutcome(unit, failure, rejected=True, traceback=text)
    return UnitOutcome(unit, rejected=result.document is None)


_stage: Stage | None = None
_store: Store | None = None
_seconds = math.inf
_traces = STDERR
_setup_error: str | None = None


def exit_with_parent(parent: int) -> None:
    """Wait until the driver has ended, even if it was killed (SIGKILL), then end this worker."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def _limit_threads(threads: int) -> None:
    """Limit the threads of the libraries that are imported already; those imported later read the
    environment, which the executor has set.

    With more than one thread per worker, OpenMP's waiting makes a busy machine 40 to 90 times
    slower.
    """
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(threads)
    if "cv2" in sys.modules:
        sys.modules["cv2"].setNumThreads(threads)


def load(stage: Stage, threads: int) -> None:
    """Load a stage's models in this process.

    Raises:
        FactoryError: they cannot be loaded.
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


@dataclass(frozen=True)
class WorkerSetup:
    """What a worker process needs to become a worker of a stage."""

    stage: type[Stage]
    params: BaseModel
    """The stage's section of params.yaml."""
    base: BaseModel
    """The section ``base``."""
    store: Store
    threads: int
    """Threads for torch and BLAS."""
    code: str
    """The driver's digest of the stage's sources. A worker that started after an edit would store
    the new code's results under the old code's keys."""
    seconds: float
    """Maximum time of one photo."""

    def build(self) -> Stage:
        """Build the stage and load its models.

        Raises:
            FactoryError: they cannot be loaded, or the code was edited.
        """
        built = self.create()
        load(built, self.threads)
        if code_digest(built) != self.code:
            raise FactoryError(f"{built.name}: its code was edited while it ran; run it again")
        return built

    def create(self) -> Stage:
        """Create the stage without loading anything."""
        return self.stage(self.params, self.base)  # pyright: ignore[reportArgumentType]


def initialise(
    setup: WorkerSetup, parent: int, queue: GpuQueue, traces: Connection | None = None
) -> None:
    """Make this process a worker of a local pool.

    Args:
        setup: the stage to load.
        parent: the driver's process id.
        queue: holds a GPU for each worker.
        traces: takes the tracebacks of a photo that hangs; None = standard error.
    """
    global _stage, _store, _seconds, _traces, _setup_error
    threading.Thread(target=exit_with_parent, args=(parent,), daemon=True).start()
    if queue is not None:
        os.environ[devices.VISIBLE] = queue.get()  # before CUDA is first used
    if traces is not None:
        _traces = os.dup(traces.fileno())
        os.set_blocking(_traces, False)  # nobody reads it before this process has ended
    try:
        _stage, _store, _seconds = setup.build(), setup.store, setup.seconds
    except Exception as error:
        # Raising here would only break the pool, and the driver would not see the message.
        known = isinstance(error, FactoryError)
        _setup_error = str(error) if known else f"{type(error).__name__}: {error}"


def check_ready() -> None:
    """Check that this worker is initialised.

    Raises:
        FactoryError: the models could not be loaded in this process.
    """
    if _setup_error is not None:
        raise FactoryError(_setup_error)


def work_in_worker(unit: Unit) -> UnitOutcome:
    """Call `work` with this process's stage and store, within the time limit.

    Raises:
        FactoryError: the models could not be loaded in this process, or as for `work`.
    """
    check_ready()
    if _stage is None or _store is None:
        raise RuntimeError("initialise() was not called in this process")
    with end_worker_after(_seconds, _traces):
        return work(_stage, _store, unit)
