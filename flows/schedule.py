"""Builds on a schedule: Prefect serves the flow; each run scans and builds what is new."""

from __future__ import annotations

from datetime import timedelta

from prefect.deployments.runner import RunnerDeployment

from flows.build import build
from stages.engine.workspace import Workspace


def deployment(
    workspace: Workspace, folders: list[str], cron: str | None, every_minutes: float | None
) -> RunnerDeployment:
    """The build flow with its schedule. Runs wait for each other by the build lock."""
    interval = None if every_minutes is None else timedelta(minutes=every_minutes)
    return build.to_deployment(  # pyright: ignore[reportReturnType]
        name="scheduled",
        cron=cron,
        interval=interval,
        parameters={"root": str(workspace.root), "sources": folders or None},
    )


def serve_build(
    workspace: Workspace, folders: list[str], cron: str | None, every_minutes: float | None
) -> None:
    """Serve until interrupted. Uses the Prefect API that is configured, or a temporary server."""
    from prefect import serve

    serve(deployment(workspace, folders, cron, every_minutes), limit=1)  # pyright: ignore[reportArgumentType]
