"""One kill: a build that is killed at a moment, and the build that goes on."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import psutil

from benchmarks.chaos.checkout import TOKEN, Checkout, Models
from benchmarks.chaos.reference import SCAN, Reference, copy_without
from benchmarks.chaos.run import read_log
from stages import STAGES

Target = Literal["flow", "stage", "worker"]
TARGETS: tuple[Target, ...] = ("flow", "stage", "worker")
SECONDS_TO_DIE = 5.0
"""Seconds after the kill's end when children are counted."""
_MAX_SECONDS = 1800.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Kill:
    """What to kill, and when."""

    number: int
    models: Models
    target: Target
    part: str
    share: float
    """Moment, as a share of the part's duration (flow) or of its stage's (stage, worker)."""


@dataclass
class Outcome:
    """What a kill and the build after it led to."""

    kill: Kill
    hit: bool = False
    """Whether the target was alive at the moment: otherwise nothing was killed."""
    alone: bool = False
    """Whether the killed build ended well by itself, without the second build."""
    resumed: bool = False
    """Whether the second build ended with exit code 0."""
    differing: list[str] = field(default_factory=list[str])
    """Outputs that are not those of the uninterrupted build."""
    repeated: int = 0
    """Photos whose computation started more than once, summed over stages."""
    children: int = 0
    """Processes that were alive `SECONDS_TO_DIE` after the build had ended."""
    gone_after: float = 0.0
    """Seconds from the build's end to that of its last child."""
    left: list[str] = field(default_factory=list[str])
    """Files that the uninterrupted build does not leave behind."""
    output: str = ""
    """What the two builds printed, if the outcome is bad."""

    def passed(self, workers: int) -> bool:
        """Whether the outcome is as promised."""
        lost = self.differing or self.children or self.left or self.repeated > workers
        return self.hit and self.resumed and not lost


def draw(number: int, models: Models, seed: int, reference: Reference) -> Kill:
    """Draw a kill: targets by turns, a part with a probability that is its share of the time."""
    lot = random.Random(f"{seed} {number}")  # noqa: S311 - not for secrets
    target = TARGETS[number % len(TARGETS)]
    parts = [p for p in reference.parts.values() if target == "flow" or p.name != SCAN]
    chosen = lot.choices(parts, [part.seconds for part in parts])[0]
    return Kill(number, models, target, chosen.name, lot.random())


def run(kill: Kill, reference: Reference, folder: Path) -> Outcome:
    """Kill a build of a copy of the reference, resume it, and compare."""
    made = copy_without(reference, kill.part, folder)
    token = f"{folder} {kill.number}"
    arguments = ("build", "--source", str(reference.checkout.folder / "photos"))
    outcome = Outcome(kill)
    first = made.start(token, *arguments)
    outcome.hit = _kill_at_moment(kill, reference, made, first)
    first.wait(_MAX_SECONDS)
    outcome.alone = first.returncode == 0
    outcome.gone_after, outcome.children = _wait_until_gone(token)
    second = made.start(token, *arguments)
    outcome.resumed = second.wait(_MAX_SECONDS) == 0
    found = made.digests()
    names = found.keys() | reference.digests.keys()
    outcome.differing = sorted(n for n in names if found.get(n) != reference.digests.get(n))
    outcome.left = sorted(made.files() - reference.files)
    photos = [(e["stage"], e["key"]) for e in read_log(made.log) if e["event"] == "photo"]
    outcome.repeated = sum(count - 1 for count in Counter(photos).values())
    outcome.output = made.output()
    shutil.rmtree(folder)
    return outcome


def _kill_at_moment(
    kill: Kill, reference: Reference, made: Checkout, build: subprocess.Popen[bytes]
) -> bool:
    part = reference.parts[kill.part]
    began = time.time()
    if kill.part != SCAN:
        event = "worker" if kill.target == "worker" else "stage"
        found = _wait_for(lambda: _first(made, event), build)
        if found is None:
            return False
        began = found
    ends = part.seconds if kill.target == "flow" else part.working - (began - _began(made, began))
    while build.poll() is None:
        if time.time() - began >= kill.share * ends and (
            process := find_target(kill.target, build.pid, kill.share)
        ):
            with suppress(psutil.NoSuchProcess):  # it has just ended
                process.send_signal(signal.SIGKILL)
                return True
        time.sleep(_POLL_SECONDS)
    return False


def _first(made: Checkout, event: str) -> float | None:
    return next((e["time"] for e in read_log(made.log) if e["event"] == event), None)


def _began(made: Checkout, otherwise: float) -> float:
    return _first(made, "stage") or otherwise


def _wait_for(value: Callable[[], float | None], build: subprocess.Popen[bytes]) -> float | None:
    while build.poll() is None:
        if (found := value()) is not None:
            return found
        time.sleep(_POLL_SECONDS)
    return None


def find_target(target: Target, flow: int, share: float) -> psutil.Process | None:
    """Find the process to kill; None if there is none at this moment. `share` chooses a worker."""
    try:
        if target == "flow":
            return psutil.Process(flow)
        found = psutil.Process(flow).children(recursive=True)
        lines = [(process, process.cmdline()) for process in found]
    except psutil.NoSuchProcess:
        return None
    if target == "stage":
        words = [p for p, line in lines if "benchmarks.chaos.run" in line and line[-1] in STAGES]
    else:
        words = [p for p, line in lines if "spawn_main" in " ".join(line)]
    return words[int(share * len(words))] if words else None


def _wait_until_gone(token: str) -> tuple[float, int]:
    """Wait until no process has the token; return the seconds, and how many had it after
    `SECONDS_TO_DIE`."""
    began, late = time.monotonic(), None
    while alive := with_token(token):
        seconds = time.monotonic() - began
        if late is None and seconds >= SECONDS_TO_DIE:
            late = len(alive)
        if seconds > 60:
            for process in alive:
                process.kill()
            break
        time.sleep(0.2)
    return time.monotonic() - began, late or 0


def with_token(token: str) -> list[psutil.Process]:
    """Return the live processes that inherited the token."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(TOKEN) == token and process.status() != "zombie":
                found.append(process)
        except psutil.Error:
            continue
    return found
