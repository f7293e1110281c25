"""Find the photos that a build tries again: those whose reason may be gone by now.

DVC takes an output without them to be up to date.
"""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.report import read_last_run
from flows.unfetched import counts_file, read_counts
from stages import STAGES
from stages.engine.attempts import MAX_ATTEMPTS, Attempt, attempts_file, read_attempts
from stages.engine.storage.source_list import PART_LINES, WORDS
from stages.engine.storage.tables import output_digest
from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import SourceLocation
from stages.ingest.codes import IngestCode
from stages.ingest.places import Places


def find_retries(workspace: Workspace) -> dict[str, list[str]]:
    """Find the stages to run although their output is up to date, because it lacks photos that may
    succeed now. Stage to a line that counts them, in data order.

    A photo whose file was missing is tried when there is a file again, all others in
    `MAX_ATTEMPTS` builds, and after that when their file changes.
    """
    found: dict[str, list[str]] = {}
    for stage, rejected in _rejected_for_now(workspace):
        attempts = read_attempts(workspace, stage)
        if attempts is not None:
            due = _find_due(workspace, stage, attempts.values())
            rejected = Counter(attempt.code for attempt in due)
        if rejected:
            found[stage] = [f"photos to try again: {_count(rejected)}"]
    return found


@dataclass(frozen=True)
class Due:
    """Photos that a build with a scan tries again, although nothing has changed."""

    words: str
    """How many, and why they are not in the data set."""
    tried: int
    """Number of builds so far, 1 to `MAX_ATTEMPTS` - 1: that of the photos with the fewest."""


def find_due(workspace: Workspace, sources: Iterable[SourceLocation]) -> Due | None:
    """Find the photos that are worth another build: those that a stage tries again, and those that
    scans of `sources` could not fetch or read, fewer than `MAX_ATTEMPTS` times. None if there are
    none."""
    codes, tried = Counter[str](), list[int]()
    for stage, rejected in _rejected_for_now(workspace):
        attempts = read_attempts(workspace, stage)
        if attempts is None:
            codes += rejected
            tried.append(1)
            continue
        for attempt in _find_due(workspace, stage, attempts.values()):
            codes[attempt.code] += 1
            tried.append(min(attempt.count, MAX_ATTEMPTS - 1))
    scans = [count for count in read_counts(workspace, sources) if count < MAX_ATTEMPTS]
    parts = [_count(codes)] if codes else []
    parts += [f"{len(scans)} that could not be fetched or read"] if scans else []
    return Due(", ".join(parts), min(tried + scans)) if parts else None


def find_given_up(workspace: Workspace) -> dict[str, str]:
    """Find the stages whose output lacks photos that are not tried again by themselves. Stage to a
    line that counts them and says what to do, in data order."""
    found: dict[str, str] = {}
    for stage, _ in _rejected_for_now(workspace):
        attempts = (read_attempts(workspace, stage) or {}).values()
        due = {attempt.key for attempt in _find_due(workspace, stage, attempts)}
        left = [attempt for attempt in attempts if attempt.key not in due]
        missing = sum(attempt.code == IngestCode.MISSING for attempt in left)
        others = Counter(a.code for a in left if a.code != IngestCode.MISSING)
        parts = [f"photos that wait for their file: {missing}"] if missing else []
        if others:
            parts.append(
                f"photos given up after {MAX_ATTEMPTS} builds: {_count(others)} "
                "(`flawfactory build --try-again`)"
            )
        if parts:
            found[stage] = "; ".join(parts)
    return found


def forget_attempts(workspace: Workspace) -> None:
    """Let the next build try all photos again that were rejected for a reason that may pass."""
    for stage in STAGES:
        attempts_file(workspace, stage).unlink(missing_ok=True)
    counts_file(workspace).unlink(missing_ok=True)


def _rejected_for_now(workspace: Workspace) -> Iterator[tuple[str, Counter[str]]]:
    """Yield the stages whose present output lacks such photos, with their number by code."""
    for stage in STAGES:
        run = read_last_run(workspace, stage) or {}
        rejected = run.get("try_again")
        if rejected and run.get("output") == output_digest(workspace.stage(stage)):
            yield stage, Counter(rejected)


def _find_due(workspace: Workspace, stage: str, attempts: Iterable[Attempt]) -> Iterator[Attempt]:
    """Yield the attempts that are worth another one."""
    of_file: list[Attempt] = []
    for attempt in attempts:
        if attempt.of_file and (
            attempt.code == IngestCode.MISSING or attempt.count >= MAX_ATTEMPTS
        ):
            of_file.append(attempt)
        elif attempt.count < MAX_ATTEMPTS:
            yield attempt
    if not of_file:
        return
    tried, now = attempts_file(workspace, stage).stat().st_mtime, time.time()
    for attempt, path in _locate(workspace, of_file):
        try:
            changed = path.stat().st_ctime
        except (OSError, ValueError):  # not there, or not a path
            continue
        if attempt.code == IngestCode.MISSING or tried < changed <= now:
            yield attempt


def _locate(workspace: Workspace, attempts: Iterable[Attempt]) -> Iterator[tuple[Attempt, Path]]:
    """Yield where the files of the attempts should be by the source list, of which only the parts
    that name them are read. Files whose folder is not on this machine are left out."""
    places = Places(workspace)
    by_part: defaultdict[int, list[Attempt]] = defaultdict(list)
    for attempt in attempts:
        by_part[attempt.position // PART_LINES].append(attempt)
    for part, members in by_part.items():
        lines = _read_lines(workspace.sources / WORDS / f"{part:05d}.jsonl")
        for attempt in members:
            try:
                line = json.loads(lines[attempt.position % PART_LINES])
            except (IndexError, ValueError):
                continue  # as below
            if line.get("key") != attempt.key or not line.get("path"):
                continue  # the list has changed, so DVC calls the stage stale
            if path := places.path(line.get("folder"), line["path"]):
                yield attempt, path


def _read_lines(path: Path) -> list[bytes]:
    try:
        return path.read_bytes().split(b"\n")
    except OSError:
        return []


def _count(codes: Counter[str]) -> str:
    return ", ".join(f"{number} {code}" for code, number in sorted(codes.items()))
