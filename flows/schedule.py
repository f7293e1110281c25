"""Run builds on a schedule, and when photos appear: Prefect serves the flow; each run scans and
builds what is new."""

from __future__ import annotations

import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from subprocess import Popen
from threading import Event
from typing import TYPE_CHECKING
from uuid import UUID

import httpx
from pydantic import BaseModel

from flows import children
from flows.notifications import notify_of_failures
from flows.prefect_api import configured_url, reach_loopback_past_proxies, require_reachable
from flows.temporary_server import temporary_server
from flows.timing import Timing
from flows.watching import Watch
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import parse_source

if TYPE_CHECKING:
    from prefect.schedules import Schedule

_POLL_SECONDS = 0.5


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
        say(f"temporary Prefect server: {server.address}")
        lost = f"the temporary Prefect server ended (log: {server.log}); start the schedule again"
        url = server.environment["PREFECT_API_URL"]
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
        with _using(url):
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
    return Watch(
        Workspace(job.root), folders, job.watch_minutes, DeployedBuilds(job.name, url), say
    )


@dataclass(frozen=True)
class DeployedBuilds:
    """Starts runs of a served deployment and reads their states."""

    deployment: str
    url: str
    """Of the Prefect server."""

    def start(self) -> str | None:
        """Start a run; return its identifier, or None if the deployment is not served yet or the
        server does not answer."""
        from prefect import get_client

        from flows.build import build

        name = f"{build.name}/{self.deployment}"
        with _using(self.url), _unreachable_is_none(), get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(name)
            return str(client.create_flow_run_from_deployment(deployment.id).id)
        return None

    def outcome(self, identifier: str) -> bool | None:
        """Return whether a run completed; None while it has not ended or cannot be read."""
        from prefect import get_client

        with _using(self.url), _unreachable_is_none(), get_client(sync_client=True) as client:
            state = client.read_flow_run(UUID(identifier)).state
            return state.is_completed() if state and state.is_final() else None
        return None


@contextmanager
def _using(url: str) -> Iterator[None]:
    """Let Prefect's client in this process talk to the server at `url`."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}):
        yield


@contextmanager
def _unreachable_is_none() -> Iterator[None]:
    """Suppress that a server does not answer, or does not know the object yet."""
    from prefect.exceptions import ObjectNotFound

    with suppress(httpx.HTTPError, ObjectNotFound, ValueError):
        yield


def serve_in_this_process(job: Job) -> None:
    """Serve the schedule in this process until it is stopped."""
    from prefect import serve

    from flows.build import build

    deployment = build.to_deployment(
        name=job.name,
        schedule=_make_schedule(job.timing) if job.timing else None,
        parameters={"root": str(job.root), "sources": job.folders or None},
    )
    serve(deployment, limit=1)  # pyright: ignore[reportArgumentType]


def _make_schedule(timing: Timing) -> Schedule:
    from prefect.schedules import Cron, Interval

    if timing.cron is not None:
        return Cron(timing.cron, timezone=timing.timezone)
    return Interval(timedelta(minutes=timing.every_minutes or 0), timezone=timing.timezone)


if __name__ == "__main__":
    serve_in_this_process(Job.model_validate_json(sys.argv[1]))
