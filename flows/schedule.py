"""Builds on a schedule: Prefect serves the flow; each run scans and builds what is new."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from threading import Event

from pydantic import BaseModel

from flows import children
from flows.prefect_api import configured_url, reach_loopback_past_proxies, require_answer
from flows.temporary_server import temporary_server
from flows.timing import Timing
from stages.engine.workspace import FactoryError, Workspace

_POLL_SECONDS = 0.5


class Job(BaseModel):
    """What is served."""

    root: Path
    folders: list[str]
    """To scan before each build; none: the source list as it is."""
    timing: Timing

    @property
    def name(self) -> str:
        """Of the deployment: two checkouts on one server must not take each other's."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()
        return f"scheduled-{digest[:8]}"


def serve(job: Job, say: Callable[[str], None]) -> None:
    """Serve until interrupted, from child processes that end with this one.

    Shown in the Prefect server that is configured; without one, in a temporary server.

    Raises:
        FactoryError: no server answers or starts, or serving came to an end.
    """
    reach_loopback_past_proxies()
    workspace = Workspace(job.root)
    if url := configured_url():
        require_answer(url)
        _serve_from_child(job, dict(os.environ), say, {})
        return
    with temporary_server(workspace) as server:
        say(f"temporary Prefect server: {server.address}")
        lost = f"the temporary Prefect server ended (its words: {server.log}); start again"
        _serve_from_child(job, server.environment, say, {lost: server.process})


def _serve_from_child(
    job: Job,
    environment: dict[str, str],
    say: Callable[[str], None],
    needed: dict[str, Popen[str]],
) -> None:
    """Until a process that is `needed`, by what to say of its end, or the child itself ends."""
    child = children.start(["flows.schedule", job.model_dump_json()], job.root, environment)
    ending = Event()  # what Prefect says of being ended is no news
    children.forward(child, lambda line: None if ending.is_set() else say(line))
    needed = {**needed, "serving ended; its last words are above": child}
    try:
        while True:
            for words, process in needed.items():
                if process.poll() is not None:
                    raise FactoryError(words)
            time.sleep(_POLL_SECONDS)
    finally:
        ending.set()
        children.end(child)


def serve_here(job: Job) -> None:
    """Serve in this process until it is ended."""
    from prefect import serve
    from prefect.schedules import Cron, Interval

    from flows.build import build

    timing = job.timing
    if timing.cron is not None:
        schedule = Cron(timing.cron, timezone=timing.timezone)
    else:
        interval = timedelta(minutes=timing.every_minutes or 0)
        schedule = Interval(interval, timezone=timing.timezone)
    deployment = build.to_deployment(
        name=job.name,
        schedule=schedule,
        parameters={"root": str(job.root), "sources": job.folders or None},
    )
    serve(deployment, limit=1)  # pyright: ignore[reportArgumentType]


if __name__ == "__main__":
    serve_here(Job.model_validate_json(sys.argv[1]))
