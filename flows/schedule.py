"""Run builds on a schedule, and when photos appear: Prefect serves the flow; each run scans and
builds what is new."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from threading import Event, Thread
from typing import TYPE_CHECKING, NoReturn

from pydantic import BaseModel

from flows import children
from flows.deployed_builds import DeployedBuilds, using
from flows.notifications import forget_webhook, notify_of_failures
from flows.prefect_api import configured_url, reach_loopback_past_proxies, require_reachable
from flows.temporary_server import temporary_server
from flows.timing import Timing
from flows.watching import Watch
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import parse_source

if TYPE_CHECKING:
    from prefect.schedules import Schedule

_POLL_SECONDS = 0.5
_SECONDS_BETWEEN_CHECKS = 20.0


class Job(BaseModel):
    """A scheduled build."""

    root: Path
    folders: list[str]
    """Folders, lists of URLs and prefixes of buckets to scan before each build; if empty, the
    source list stays as it is."""
    timing: Timing | None = None
    """None: builds start by hand, or when photos appear."""
    watch_minutes: float | None = None
    """Minutes between two looks for new photos in the folders; None: they are not watched."""
    wait_minutes: float | None = None
    """Minutes that a build waits for another one before it fails; None: as long as it takes."""

    @property
    def name(self) -> str:
        """Name of the deployment, unique to the checkout: several may share one server."""
        digest = hashlib.sha256(str(self.root).encode()).hexdigest()
        return f"scheduled-{digest[:8]}"


def serve(job: Job, say: Callable[[str], None], webhook: str | None = None) -> None:
    """Serve the schedule until interrupted, from child processes that end with this one.

    Uses the configured Prefect server; without one, starts a temporary server.

    Args:
        job: the scheduled build.
        say: receives the output line by line.
        webhook: URL that the server calls when a build fails.

    Raises:
        FactoryError: no server answers or starts, or serving ended.
    """
    reach_loopback_past_proxies()
    workspace = Workspace(job.root)
    if url := configured_url():
        require_reachable(url)
        _serve_from_child(job, url, dict(os.environ), say, webhook, {})
        return
    with temporary_server(workspace) as server:
        url = server.environment["PREFECT_API_URL"]
        say(f"temporary Prefect server: {server.address}")
        say(f"for the command prefect: export PREFECT_API_URL={url}")
        lost = f"the temporary Prefect server ended (log: {server.log}); start the schedule again"
        if not webhook:
            forget_webhook(url)  # of an earlier schedule: the database outlives the server
        _serve_from_child(job, url, server.environment, say, webhook, {lost: server.process})


def _serve_from_child(
    job: Job,
    url: str,
    environment: dict[str, str],
    say: Callable[[str], None],
    webhook: str | None,
    needed: dict[str, Popen[str]],
) -> None:
    """Serve from a child process until it ends, or one of the `needed` processes does.

    Args:
        job: the scheduled build.
        url: of the Prefect server.
        environment: environment variables of the child.
        say: receives the child's output line by line.
        webhook: URL that the server calls when a build fails.
        needed: error message to the process whose end it describes.
    """
    if webhook:
        with using(url):
            notify_of_failures(webhook)
    child = children.start(["flows.schedule", job.model_dump_json()], job.root, environment)
    ending = Event()  # suppress what Prefect prints when it is ended
    children.forward(child, lambda line: None if ending.is_set() else say(line))
    needed = {**needed, "serving ended; see the output above": child}
    watch = _make_watch(job, url, say)
    try:
        while True:
            for words, process in needed.items():
                if process.poll() is not None:
                    raise FactoryError(words)
            if watch:
                watch.poll()
            time.sleep(_POLL_SECONDS)
    finally:
        ending.set()
        children.end(child)


def _make_watch(job: Job, url: str, say: Callable[[str], None]) -> Watch | None:
    if job.watch_minutes is None:
        return None
    folders = [parse_source(folder) for folder in job.folders]
    builds = DeployedBuilds(job.name, url)
    return Watch(Workspace(job.root), folders, job.watch_minutes, builds, say)


def serve_in_this_process(job: Job) -> None:
    """Serve the schedule in this process until it is stopped."""
    from prefect import serve

    from flows.build import build

    deployment = build.to_deployment(
        name=job.name,
        schedule=_make_schedule(job.timing) if job.timing else None,
        parameters={
            "root": str(job.root),
            "sources": job.folders or None,
            "wait_minutes": job.wait_minutes,
        },
    )
    Thread(target=_exit_when_forgotten, args=(job.name,), daemon=True).start()
    serve(deployment, limit=1)  # pyright: ignore[reportArgumentType]


def _exit_when_forgotten(deployment: str) -> NoReturn:
    """Exit when the server no longer knows the deployment: Prefect would wait for runs for ever."""
    builds = DeployedBuilds(deployment, configured_url() or "")
    known = False
    while True:
        time.sleep(_SECONDS_BETWEEN_CHECKS)
        found = builds.are_served()
        if known and found is False:
            print(
                f"the Prefect server no longer knows the deployment {deployment}: it was deleted, "
                "or the server has another database",
                flush=True,
            )
            os._exit(1)
        known = known or found is True


def _make_schedule(timing: Timing) -> Schedule:
    from prefect.schedules import Cron, Interval

    if timing.cron is not None:
        return Cron(timing.cron, timezone=timing.timezone)
    return Interval(timedelta(minutes=timing.every_minutes or 0), timezone=timing.timezone)


if __name__ == "__main__":
    serve_in_this_process(Job.model_validate_json(sys.argv[1]))
