"""Start runs of a Prefect deployment, and ask its server how they ended."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import httpx

from flows.watching import Outcome

_UNREACHABLE = (httpx.HTTPError, ValueError)
"""What Prefect's client raises when a server does not answer, or not as it should."""


@dataclass(frozen=True)
class DeployedBuilds:
    """Starts runs of a deployment of the build and reads their states."""

    deployment: str
    url: str
    """Of the Prefect server."""

    def start(self, parameters: dict[str, Any] | None = None) -> str | None:
        """Start a run; return its identifier, or None if the server does not answer or does not
        know the deployment yet.

        Args:
            parameters: of the flow, in place of the deployment's.
        """
        from prefect import get_client
        from prefect.exceptions import ObjectNotFound

        lacking = (*_UNREACHABLE, ObjectNotFound)
        with using(self.url), suppress(*lacking), get_client(sync_client=True) as client:
            deployment = client.read_deployment_by_name(self._name())
            run = client.create_flow_run_from_deployment(deployment.id, parameters=parameters)
            return str(run.id)
        return None

    def outcome(self, identifier: str) -> Outcome | None:
        """Return how a run ended; None while it has not ended or the server does not answer."""
        from prefect import get_client
        from prefect.exceptions import ObjectNotFound

        with using(self.url), suppress(*_UNREACHABLE), get_client(sync_client=True) as client:
            try:
                state = client.read_flow_run(UUID(identifier)).state
            except ObjectNotFound:
                return Outcome.LOST
            if state and state.is_final():
                return Outcome.SUCCEEDED if state.is_completed() else Outcome.FAILED
        return None

    def are_served(self) -> bool | None:
        """Whether the server knows the deployment; None if it does not answer."""
        from prefect import get_client
        from prefect.exceptions import ObjectNotFound

        with using(self.url), suppress(*_UNREACHABLE), get_client(sync_client=True) as client:
            try:
                client.read_deployment_by_name(self._name())
            except ObjectNotFound:
                return False
            return True
        return None

    def _name(self) -> str:
        from flows.build import build

        return f"{build.name}/{self.deployment}"


@contextmanager
def using(url: str) -> Iterator[None]:
    """Let Prefect's client in this process talk to the server at `url`."""
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}):
        yield
