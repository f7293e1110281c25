"""What was asked, what it cost, and whether the next request may go: one SQLite file a checkout.

All processes of a build share it. A request is written down before it is sent, with the most that
it can cost, and put right when its answer is there. One that nobody heard of again (a timeout, a
cut connection, a killed process) counts with that most.
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

from stages.engine.workspace import CURRENT_STAGE, FactoryError
from stages.models.chat.limits import FULL, WINDOW, Recent, affordable, wait
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
  input_tokens INTEGER, output_tokens INTEGER,  -- NULL: not told
  money REAL  -- NULL: unknown price
);
CREATE INDEX IF NOT EXISTS calls_started ON calls (started);
"""


@dataclass(frozen=True)
class Call:
    """A request about to be sent."""

    purpose: str
    model: str
    estimate: int
    """Tokens that will be sent, estimated."""
    ceiling: int
    """Most tokens that may come back."""


@dataclass(frozen=True)
class Account:
    """Calls of one stage for one purpose to one model."""

    stage: str
    purpose: str
    model: str
    sent: int
    """Requests that went out, repeats counted."""
    kept: int
    """Answered from the cache."""
    refused: int
    """Turned away by the server without being worked on (too many requests, errors)."""
    lost: int
    """Never heard of again."""
    input_tokens: int
    output_tokens: int
    money: float
    """Of the calls whose price is known; those under way or lost with the most they may cost."""
    unpriced: int
    """Calls whose price is unknown: not in `money`."""


class Ledger:
    """The file, and the rules by which a request is let through."""

    def __init__(
        self, path: Path, settings: CallSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self.path, self.settings, self._clock = path, settings, clock
        self._lock = threading.Lock()
        if path.exists() and not os.access(path.parent, os.W_OK):
            # A checkout that may only be looked at: nobody here writes to it meanwhile.
            with self._errors():
                self._db = sqlite3.connect(f"{path.resolve().as_uri()}?immutable=1", uri=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self._db = sqlite3.connect(
                path, timeout=60, isolation_level=None, check_same_thread=False
            )
            # A log beside the file: a commit then costs no wait for the disk, and a power cut loses
            # at most the last lines.
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._db.executescript(_SCHEMA)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise FactoryError(f"the ledger {self.path} cannot be used: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Exclusive among all processes.

        Raises:
            FactoryError: the file cannot be used (disk full, not a ledger).
        """
        with self._lock, self._errors():
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:  # commits, or rolls back
                yield self._db

    def open(self, call: Call) -> tuple[int | None, float]:
        """Write `call` down if it may go now.

        Returns:
            Its number; or None and the seconds after which to ask again.

        Raises:
            BudgetReached: it could cost more than is left, or its price is unknown while there is
                a budget.
        """
        now = self._clock()
        with self._transaction() as db:
            self._bury(db)
            estimate = self._corrected(db, call)
            rows = db.execute(
                "SELECT started, COALESCE(input_tokens, estimate) + COALESCE(output_tokens, "
                "ceiling) FROM calls WHERE started > ? AND state != 'kept' ORDER BY started, id",
                (now - WINDOW,),
            )
            recent = [Recent(*row) for row in rows]
            (under_way,) = db.execute("SELECT COUNT(*) FROM calls WHERE state = 'open'").fetchone()
            delay = wait(now, recent, under_way, estimate + call.ceiling, self.settings)
            most = self._money(call.model, estimate, call.ceiling)
            sums = _money_sums(db, self.settings.counted_from(now))
            if not affordable(call.model, most, *sums, self.settings.budget):
                delay = max(delay, FULL)
            if delay > 0:
                return None, delay
            return self._insert(db, call, "open", now, most), 0.0

    def _bury(self, db: sqlite3.Connection) -> None:
        """Calls of processes that are gone are lost."""
        pids = db.execute("SELECT DISTINCT pid FROM calls WHERE state = 'open'").fetchall()
        gone = [(pid,) for (pid,) in pids if not _alive(pid)]
        db.executemany("UPDATE calls SET state = 'lost' WHERE state = 'open' AND pid = ?", gone)

    def _corrected(self, db: sqlite3.Connection, call: Call) -> int:
        """The estimate, scaled by the worst that was measured for this model."""
        (worst,) = db.execute(
            "SELECT MAX(1.0 * input_tokens / estimate) FROM calls WHERE model = ? AND estimate > 0",
            (call.model,),
        ).fetchone()
        return round(call.estimate * max(1.0, worst or 1.0))

    def _money(self, model: str, input_tokens: int, output_tokens: int) -> float | None:
        price = self.settings.prices.get(model)
        return None if price is None else price.of(input_tokens, output_tokens)

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
        )
        row = db.execute(
            "INSERT INTO calls (stage, purpose, model, pid, started, state, estimate, ceiling, "
            "money) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )
        assert row.lastrowid is not None  # noqa: S101
        return row.lastrowid

    def answered(self, number: int, input_tokens: int | None, output_tokens: int | None) -> None:
        """The call came back; where tokens are not told, its most stays."""
        with self._transaction() as db:
            (model,) = db.execute("SELECT model FROM calls WHERE id = ?", (number,)).fetchone()
            if input_tokens is None or output_tokens is None:
                db.execute("UPDATE calls SET state = 'answered' WHERE id = ?", (number,))
                return
            db.execute(
                "UPDATE calls SET state = 'answered', input_tokens = ?, output_tokens = ?, "
                "money = ? WHERE id = ?",
                (
                    input_tokens,
                    output_tokens,
                    self._money(model, input_tokens, output_tokens),
                    number,
                ),
            )

    def refused(self, number: int) -> None:
        """The server turned the call away: it costs nothing."""
        with self._transaction() as db:
            db.execute(
                "UPDATE calls SET state = 'refused', input_tokens = 0, output_tokens = 0, "
                "money = 0 WHERE id = ?",
                (number,),
            )

    def lost(self, number: int) -> None:
        """No answer came, and nobody knows what the server did: the most it can cost stays."""
        with self._transaction() as db:
            db.execute("UPDATE calls SET state = 'lost' WHERE id = ?", (number,))

    def kept(self, purpose: str, model: str) -> None:
        """An answer came from the cache."""
        with self._transaction() as db:
            self._insert(db, Call(purpose, model, 0, 0), "kept", self._clock(), 0.0)

    def averages(self, purpose: str, model: str) -> tuple[float, float] | None:
        """Mean tokens sent and returned of this question's answered calls; None before the first.

        Calls whose server told no usage count with what was assumed of them.
        """
        with self._transaction() as db:
            sent, came = db.execute(
                "SELECT AVG(COALESCE(input_tokens, estimate)), "
                "AVG(COALESCE(output_tokens, ceiling)) FROM calls "
                "WHERE state = 'answered' AND purpose = ? AND model = ?",
                (purpose, model),
            ).fetchone()
        return None if sent is None else (sent, came)

    def accounts(self, since: float = 0.0) -> list[Account]:
        """Sums a stage, purpose and model, of calls from `since` (seconds since the epoch) on."""
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


def _money_sums(db: sqlite3.Connection, since: float) -> tuple[float, float]:
    """Spent from `since` on, and promised to calls under way."""
    query = "SELECT TOTAL(money) FROM calls WHERE state "
    (spent,) = db.execute(f"{query} != 'open' AND started >= ?", (since,)).fetchone()
    (promised,) = db.execute(f"{query} = 'open'").fetchone()
    return spent, promised


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
