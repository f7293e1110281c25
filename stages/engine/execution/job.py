"""A job: what every executor is given beside the units, and what to do when a worker dies."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stages.engine.codes import EngineCode
from stages.engine.execution.units import Unit
from stages.engine.execution.worker import UnitOutcome, WorkerSetup
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


@dataclass(frozen=True)
class Job:
    """A stage to compute units of."""

    stage: Stage
    store: Store
    settings: ExecutorSettings
    code: str
    """Digest of the stage's sources from which the units' keys were computed."""

    def setup(self) -> WorkerSetup:
        """Return what worker processes are started with."""
        stage, threads = self.stage, self.settings.threads
        return WorkerSetup(
            type(stage), stage.params, stage.base, self.store, threads, self.code, self.seconds
        )

    @property
    def seconds(self) -> float:
        """Maximum time of one photo."""
        return self.settings.photo_timeout_minutes * 60

    def environment(self) -> dict[str, str]:
        """Return the numbers of threads, which numeric libraries read when they are imported, and
        the stage's name, which the ledger of calls reads."""
        threads = dict.fromkeys(_THREAD_VARIABLES, str(self.settings.threads))
        return {**threads, CURRENT_STAGE: self.stage.name}

    def find_stored(self, unit: Unit) -> UnitOutcome | None:
        """Return the outcome of a unit whose worker died after it had stored the result."""
        stored = self.store.get(unit.store_key)
        return None if stored is None else UnitOutcome(unit, rejected=stored.document is None)

    def reject_killer(self, unit: Unit, hung: str = "") -> UnitOutcome:
        """Return the outcome of a unit that kills its worker also when it runs alone; the next
        build tries it again.

        Args:
            unit: the unit.
            hung: if the worker ended because of the time limit, where it was then.
        """
        message = "its worker process died (out of memory?); use smaller photos"
        if hung:
            message = (
                f"it took longer than {self.settings.photo_timeout_minutes:g} minutes "
                "(executor.photo_timeout_minutes in factory.toml), so its worker process was ended"
            )
        reject = Reject(unit.key, None, EngineCode.WORKER_DIED, message)
        return UnitOutcome(unit, reject, rejected=True, try_again=True, traceback=hung)

    def describe_hang(self, unit: Unit, file: Path) -> str:
        """Return the error of a stage that ends because a photo hangs in its own process.

        Args:
            unit: the photo.
            file: where its traceback is.
        """
        return (
            f"flawfactory: {self.stage.name}: photo {unit.key} took longer than "
            f"{self.settings.photo_timeout_minutes:g} minutes (where it was: {file}); raise "
            'executor.photo_timeout_minutes in factory.toml, set executor.kind = "processes", '
            "which rejects such a photo and goes on, or withdraw the photo"
        )

    def died_while_loading(self) -> FactoryError:
        """Return the error of a worker that dies before it gets a unit."""
        return FactoryError(
            f"{self.stage.name}: its worker died while it loaded the models (out of memory?); "
            "lower executor.workers in factory.toml"
        )
