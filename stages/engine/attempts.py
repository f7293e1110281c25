"""Counts the builds in which a photo was rejected for a reason that may pass.

Each stage has a file of its own in ``data/.report``, which is this checkout's: a photo that is too
much for one machine may not be for another. The count is kept by store key, so it starts again when
code, params, models or the photo's bytes change. After `MAX_ATTEMPTS` builds the stage takes the
reject from the file instead of computing the photo.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.engine.codes import EngineCode
from stages.engine.files import pretty_json, write_atomically
from stages.engine.stage import Reject
from stages.engine.workspace import Workspace

if TYPE_CHECKING:
    from stages.engine.execution.units import Unit

MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Attempt:
    """A photo that was rejected for now."""

    key: str
    position: int
    """Line in the source list."""
    code: str
    message: str
    evidence: dict[str, Any]
    of_file: bool
    """Whether the first stage rejected it for its file, which costs nothing to try again."""
    count: int
    """Builds that rejected it."""

    @property
    def given_up(self) -> bool:
        """Whether the stage does not compute it again."""
        return self.count >= MAX_ATTEMPTS and not self.of_file

    def reject(self) -> Reject:
        """Return the reject of the last build that tried."""
        return Reject(self.key, None, self.code, self.message, self.evidence)


def attempts_file(workspace: Workspace, stage: str) -> Path:
    """Return the path of a stage's file. Without it all photos are tried again."""
    return workspace.reports / f"{stage}.attempts.json"


def read_attempts(workspace: Workspace, stage: str) -> dict[str, Attempt] | None:
    """Read a stage's file, store key to attempt; None if there is none, or it is damaged."""
    try:
        found = json.loads(attempts_file(workspace, stage).read_bytes())
        return {key: Attempt(**values) for key, values in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


@dataclass
class Attempts:
    """The attempts of one run of a stage."""

    path: Path
    before: dict[str, Attempt]
    """Those on disk, by store key."""
    now: dict[str, Attempt] = field(default_factory=dict)

    @classmethod
    def of(cls, workspace: Workspace, stage: str) -> Attempts:
        """Begin a run of a stage."""
        return cls(attempts_file(workspace, stage), read_attempts(workspace, stage) or {})

    def give_up(self, store_keys: Collection[str]) -> dict[str, Reject]:
        """Return the rejects of those photos that are not computed again, by store key."""
        kept = {key: self.before[key] for key in store_keys & self.before.keys()}
        kept = {key: attempt for key, attempt in kept.items() if attempt.given_up}
        self.now |= kept
        return {key: attempt.reject() for key, attempt in kept.items()}

    def add(self, unit: Unit, reject: Reject) -> None:
        """Count a photo that this run rejects for now.

        The death of a worker is written at once, because such a photo may end the build too.
        """
        known = self.before.get(unit.store_key)
        attempt = Attempt(
            key=unit.key,
            position=unit.position,
            code=str(reject.code),
            message=reject.message,
            evidence=reject.evidence,
            of_file=not unit.places and reject.code not in set(EngineCode),
            count=1 + (known.count if known else 0),
        )
        self.now[unit.store_key] = attempt
        if reject.code == EngineCode.WORKER_DIED:
            self.before[unit.store_key] = attempt
            self._write(self.before)

    def save(self) -> None:
        """Write the file at the end of a run that passed its gate; photos that are no longer
        rejected leave it.

        A failed gate fails the build, and its cause is rather an outage than the photos: the next
        build tries them again, however often that happens.
        """
        self._write(self.now)

    def counts(self, given_up: bool) -> Counter[str]:
        """Count the photos that this run rejects for now, by code.

        Args:
            given_up: whether to count those that are not computed again, or all.
        """
        chosen = (a for a in self.now.values() if a.given_up or not given_up)
        return Counter(attempt.code for attempt in chosen)

    def _write(self, attempts: Mapping[str, Attempt]) -> None:
        if attempts or self.before:
            found = {key: asdict(attempt) for key, attempt in attempts.items()}
            write_atomically(self.path, pretty_json(found))
