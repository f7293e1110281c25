"""Ledger of all requests and their costs, which also enforces the limits: a SQLite file.

There is one file per checkout, shared by all processes of a build. A request is recorded before it
is sent, with its maximum cost, and corrected when its answer arrives. A request without an answer
(timeout, cut connection, killed process) keeps its maximum cost.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stages.engine.execution.time_limit import restart_time
from stages.engine.processes import identify_process
from stages.engine.workspace import CURRENT_STAGE, FactoryError
from stages.models.chat.limits import POLL, WINDOW, Recent, compute_delay, fits_budget
from stages.models.chat.settings import CallSettings

NAME = "ledger.sqlite"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  id INTEGER PRIMARY KEY,
  stage TEXT NOT NULL, purpose TEXT NOT NULL, model TEXT NOT NULL,
  pid INTEGER NOT NULL, started REAL NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'answered', 'refused', 'lost', 'kept')),
  estimate INTEGER NOT NULL,  -- tokens that will be sent
  ceiling INTEGER NOT NULL,   -- tokens that may come back
  input_tokens INTEGER, output_tokens INTEGER,  -- NULL: not reported
  money REAL,  -- NULL: unknown price
  example_pictures INTEGER NOT NULL DEFAULT 0,
  process TEXT NOT NULL DEFAULT ''  -- `identify_process`; empty in rows of earlier versions
);
CREATE INDEX IF NOT EXISTS calls_started ON calls (started);
"""
_ADDED = {"example_pictures": "INTEGER NOT NULL DEFAULT 0", "process": "TEXT NOT NULL DEFAULT ''"}
"""Columns that ledgers of earlier versions lack."""


@dataclass(frozen=True)
class Call:
    """A request that is about to be sent."""

    purpose: str
    model: str
    estimate: int
    """Estimated number of tokens sent."""
    ceiling: int
    """Maximum number of tokens returned."""
    example_pictures: int = 0
    """Pictures of the examples that are sent with the question."""


@dataclass(frozen=True)
class Averages:
    """Means over the answered calls of one purpose to one model."""

    sent: float
    """Tokens sent."""
    returned: float
    """Tokens returned."""
    example_pictures: float


@dataclass(frozen=True)
class Account:
    """Sums over the calls of one stage for one purpose to one model."""

    stage: str
    purpose: str
    model: str
    sent: int
    """Requests sent, retries included."""
    kept: int
    """Requests answered from the cache."""
    refused: int
    """Requests that the server answered with an error (too many requests, failures)."""
    lost: int
    """Requests without an answer."""
    input_tokens: int
    output_tokens: int
    money: float
    """Cost of the calls with a known price; open and lost calls count with their maximum cost."""
    unpriced: int
    """Calls with an unknown price, not in `money`."""


class Ledger:
    """Records requests and admits new ones within the limits of the settings."""

    def __init__(
        self, path: Path, settings: CallSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self.path, self.settings, self._clock = path, settings, clock
        self._lock = threading.Lock()
        if path.exists() and not os.access(path.parent, os.W_OK):
            # A read-only checkout: no process on this machine writes to the file.
            with self._errors():
                self._db = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
                self._counts_examples = self._has_column("example_pictures")
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self._db = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False
            )
            # With a write-ahead log a commit does not wait for the disk, and a power cut loses at
            # most the last rows.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)
        with self._transaction() as db:
            for name, kind in _ADDED.items():
                if not self._has_column(name):  # written by an earlier version
                    db.execute(f"ALTER TABLE calls ADD COLUMN {name} {kind}")
        self._counts_examples = True

    def _has_column(self, name: str) -> bool:
        return name in {row[1] for row in self._db.execute("PRAGMA table_info(calls)")}

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise FactoryError(f"the ledger {self.path} cannot be used: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Run a transaction that excludes all other processes.

        Raises:
            FactoryError: the file cannot be used (disk full, not a ledger).
        """
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits or rolls back
                yield self._db

    def open(self, call: Call) -> tuple[int | None, float]:
        """Record `call` if it may be sent now.

        Returns:
            Its number and 0, or None and the seconds after which to try again.

        Raises:
            BudgetReached: the call could exceed the budget, or its price is unknown while there is
                a budget.
        """
        restart_time()  # the time that a photo may take is not meant for waiting in line
        now = self._clock()
        with self._transaction() as db:
            self._mark_lost(db)
            estimate = self._scale_estimate(db, call)
            rows = db.execute(
                "SELECT started, COALESCE(input_tokens, estimate) + COALESCE(output_tokens, "
                "ceiling) FROM calls WHERE started > ? AND state != 'kept' ORDER BY started, id",
                (now - WINDOW,),
            )
            recent = [Recent(*row) for row in rows]
            (in_flight,) = db.execute("SELECT COUNT(*) FROM calls WHERE state = 'open'").fetchone()
            delay = compute_delay(now, recent, in_flight, estimate + call.ceiling, self.settings)
            max_cost = self._cost(call.model, estimate, call.ceiling)
            sums = _sum_money(db, self.settings.budget_start(now))
            if not fits_budget(call.model, max_cost, *sums, self.settings.budget):
                delay = max(delay, POLL)
            if delay > 0:
                return None, delay
            return self._insert(db, call, "open", now, max_cost), 0.0

    def _mark_lost(self, db: sqlite3.Connection) -> None:
        """Mark the open calls of processes that have ended as lost."""
        query = "SELECT DISTINCT pid, process FROM calls WHERE state = 'open'"
        ended = [row for row in db.execute(query).fetchall() if not _is_running(*row)]
        db.executemany(
            "UPDATE calls SET state = 'lost' WHERE state = 'open' AND pid = ? AND process = ?",
            ended,
        )

    def _scale_estimate(self, db: sqlite3.Connection, call: Call) -> int:
        """Scale the estimate by the largest ratio of tokens to estimate measured for the model."""
        (largest,) = db.execute(
            "SELECT MAX(1.0 * input_tokens / estimate) FROM calls WHERE model = ? AND estimate > 0",
            (call.model,),
        ).fetchone()
        return round(call.estimate * max(1.0, largest or 1.0))

    def _cost(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        price = self.settings.prices.get(model)
        return None if price is None else price.cost(input_tokens, output_tokens)

    def _insert(
        self, db: sqlite3.Connection, call: Call, state: str, now: float, money: float | None
    ) -> int:
        stage, pid = os.environ.get(CURRENT_STAGE, "try"), os.getpid()
        values = (
            stage,
            call.purpose,
            call.model,
            pid,
            now,
            state,
            call.estimate,
            call.ceiling,
            money,
            call.example_pictures,
            identify_process(pid) or "",
        )
        row = db.execute(
            "INSERT INTO calls (stage, purpose, model, pid, started, state, estimate, ceiling, "
            "money, example_pictures, process) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        assert row.lastrowid is not None  # noqa: S101
        return row.lastrowid

    def record_answer(
        self, number: int, input_tokens: int | None, output_tokens: int | None
    ) -> float | None:
        """Record that a call was answered; without token counts it keeps its maximum cost.

        Returns:
            The cost; None if the model's price or the token counts are not known.
        """
        with self._transaction() as db:
            (model,) = db.execute("SELECT model FROM calls WHERE id = ?", (number,)).fetchone()
            if input_tokens is None or output_tokens is None:
                db.execute("UPDATE calls SET state = 'answered' WHERE id = ?", (number,))
                return None
            cost = self._cost(model, input_tokens, output_tokens)
            db.execute(
                "UPDATE calls SET state = 'answered', input_tokens = ?, output_tokens = ?, "
                "money = ? WHERE id = ?",
                (input_tokens, output_tokens, cost, number),
            )
            return cost

    def record_refusal(self, number: int) -> None:
        """Record that the server refused a call, which then costs nothing."""
        with self._transaction() as db:
            db.execute(
                "UPDATE calls SET state = 'refused', input_tokens = 0, output_tokens = 0, "
                "money = 0 WHERE id = ?",
                (number,),
            )

    def record_loss(self, number: int) -> None:
        """Record that a call got no answer; it keeps its maximum cost."""
        with self._transaction() as db:
            db.execute("UPDATE calls SET state = 'lost' WHERE id = ?", (number,))

    def record_hit(self, purpose: str, model: str) -> None:
        """Record that an answer came from the cache."""
        with self._transaction() as db:
            self._insert(db, Call(purpose, model, 0, 0), "kept", self._clock(), 0.0)

    def averages(self, purpose: str, model: str) -> Averages | None:
        """Return means over answered calls; None if there are none.

        A call without token counts counts with its estimate and ceiling.
        """
        with self._transaction() as db:
            chosen = "FROM calls WHERE state = 'answered' AND purpose = ? AND model = ?"
            sent, returned = db.execute(
                "SELECT AVG(COALESCE(input_tokens, estimate)), "
                f"AVG(COALESCE(output_tokens, ceiling)) {chosen}",
                (purpose, model),
            ).fetchone()
            if sent is None:
                return None
            pictures = 0.0
            if self._counts_examples:
                (pictures,) = db.execute(
                    f"SELECT AVG(example_pictures) {chosen}", (purpose, model)
                ).fetchone()
        return Averages(sent, returned, pictures)

    def accounts(self, since: float = 0.0) -> list[Account]:
        """Sum calls by stage, purpose and model, from `since` (seconds since the epoch) on."""
        with self._transaction() as db:
            rows = db.execute(
                "SELECT stage, purpose, model, SUM(state != 'kept'), SUM(state = 'kept'), "
                "SUM(state = 'refused'), SUM(state IN ('lost', 'open')), "
                "SUM(COALESCE(input_tokens, 0)), SUM(COALESCE(output_tokens, 0)), "
                "TOTAL(money), SUM(money IS NULL) FROM calls WHERE started >= ? "
                "GROUP BY stage, purpose, model ORDER BY MIN(id)",
                (since,),
            ).fetchall()
        return [Account(*row) for row in rows]


def _sum_money(db: sqlite3.Connection, since: float) -> tuple[float, float]:
    """Return the cost of finished calls from `since` on and the maximum cost of open calls."""
    query = "SELECT TOTAL(money) FROM calls WHERE state "
    (spent,) = db.execute(f"{query} != 'open' AND started >= ?", (since,)).fetchone()
    (reserved,) = db.execute(f"{query} = 'open'").fetchone()
    return spent, reserved


def _is_running(pid: int, process: str) -> bool:
    """Whether the process that opened a call is running; a number alone is that of any process."""
    found = identify_process(pid)
    return found is not None and process in ("", found)
