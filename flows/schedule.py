"""Run builds on a schedule: Prefect serves the flow; each run scans and builds what is new."""

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
from flows.prefect_api import configured_url, reach_loopback_past_proxies, require_reachable
from flows.temporary_server import temporary_server
from flows.timing import Timing
from stages.engine.workspace import FactoryError, Workspace

_POLL_SECONDS = 0.5


class Job(BaseModel):
    """A scheduled build."""

    root: Path
    folders: list[str]
    """Folders to scan before each build; if empty, the source list stays as it is."""
    timing: Timing

    @property
    def name(self) -> str:
        """Name of the deployment, unique to the checkout: several may share one server."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()
        return f"scheduled-{digest[:8]}"


def serve(job: Job, say: Callable[[str], None]) -> None:
    """Serve the schedule until interrupted, from child processes that end with this one.

    Uses the configured Prefect server; without one, starts a temporary server.

    Raises:
        FactoryError: no server answers or starts, or serving ended.
    """
    reach_loopback_past_proxies()
    workspace = Workspace(job.root)
    if url := configured_url():
        require_reachable(url)
        _serve_from_child(job, dict(os.environ), say, {})
        return
    with temporary_server(workspace) as server:
        say(f"temporary Prefect server: {server.address}")
        lost = f"the temporary Prefect server ended (log: {server.log}); start the schedule again"
        _serve_from_child(job, server.environment, say, {lost: server.process})


def _serve_from_child(
    job: Job,
    environment: dict[str, str],
    say: Callable[[str], None],
    needed: dict[str, Popen[str]],
) -> None:
    """Serve from a child process until it ends, or one of the `needed` processes does.

    Args:
        job: the scheduled build.
        environment: environment variables of the child.
        say: receives the child's output line by line.
        needed: error message to the process whose end it describes.
    """
    child = children.start(["flows.schedule", job.model_dump_json()], job.root, environment)
    ending = Event()  # suppress what Prefect prints when it is ended
    children.forward(child, lambda line: None if ending.is_set() else say(line))
    needed = {**needed, "serving ended; see the output above": child}
    try:
        while True:
            for words, process in needed.items():
                if process.poll() is not None:
                    raise FactoryError(words)
            time.sleep(_POLL_SECONDS)
    finally:
        ending.set()
        children.end(child)


def serve_in_this_process(job: Job) -> None:
    """Serve the schedule in this process until it is stopped."""
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
    serve_in_this_process(Job.model_validate_json(sys.argv[1]))
