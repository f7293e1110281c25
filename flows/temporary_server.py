"""Run a temporary Prefect server for a schedule when no server is configured.

Its home is inside the workspace, so that it neither reads nor migrates another Prefect's database.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from flows import children
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

_HOST = "127.0.0.1"
_SECONDS_TO_START = 180.0  # enough for a busy machine; a server that fails exits at once
_POLL_SECONDS = 0.2
_FOREIGN_VARIABLES = re.compile(r"PREFECT_(SERVER_DATABASE|API_DATABASE|PROFILE|API_URL|HOME)")
"""Environment variables that would point to another database or server."""
RETENTION = {
    "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
    "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(30 * 24 * 60 * 60),
}
"""By default Prefect keeps runs with their logs and artifacts for ever. Its database reuses the
space of those that are removed."""


@dataclass(frozen=True)
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    address: str
    environment: dict[str, str]
    """Environment variables for its clients."""
    log: Path


@contextmanager
def temporary_server(workspace: Workspace) -> Iterator[Server]:
    """Run a server for as long as the context lasts.

    Raises:
        FactoryError: it does not start; names the cause in one line.
    """
    home = workspace.root / load_settings(workspace).prefect_home
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    environment = {name: v for name, v in os.environ.items() if not _FOREIGN_VARIABLES.match(name)}
    # Relative to the server's working directory: the checkout's path may contain ? or %, which a
    # database URL would interpret.
    database = os.path.relpath(home / "prefect.db", workspace.root)
    environment = RETENTION | environment
    environment |= {
        "PREFECT_HOME": str(home),
        "PREFECT_API_DATABASE_CONNECTION_URL": f"sqlite+aiosqlite:///{database}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    }
    log = home / "server.log"
    command = ["prefect", "server", "start", "--host", _HOST, "--port", str(port)]
    with log.open("w") as output:
        process = children.start(command, workspace.root, environment, output)
    address = f"http://{_HOST}:{port}"
    try:
        _wait_until_healthy(process, address, log)
        clients = environment | {"PREFECT_API_URL": f"{address}/api"}
        yield Server(process, address, clients, log)
    finally:
        children.end(process)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return probe.getsockname()[1]


def _wait_until_healthy(process: subprocess.Popen[str], address: str, log: Path) -> None:
    deadline = time.monotonic() + _SECONDS_TO_START
    with httpx.Client(trust_env=False) as client:  # a proxy cannot reach this machine's loopback
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise _start_error(_find_cause(log), log)
            try:
                if client.get(f"{address}/api/health").is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(_POLL_SECONDS)
    raise _start_error(f"no answer after {_SECONDS_TO_START:.0f} s", log)


def _start_error(cause: str, log: Path) -> FactoryError:
    return FactoryError(
        f"the temporary Prefect server did not start: {cause} (log: {log}); if its database is "
        f"at fault, remove {log.parent}"
    )


def _find_cause(log: Path) -> str:
    """Return the last line of a log that names an error, or else its last line."""
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    named = [line for line in lines if re.match(r"[\w.]*(Error|Exception|Exit)\b", line)]
    return (named or lines or ["its log is empty"])[-1]
