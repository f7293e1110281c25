import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings
from waiting import until

from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace

SERVE = """
import sys
from pathlib import Path
from flows.schedule import serve_build
from stages.engine.workspace import Workspace

serve_build(Workspace(Path(sys.argv[1])), [], cron=None, every_minutes=0.1)
"""


def healthy(url: str) -> bool:
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A Prefect server on loopback with a database of its own; yields its clients' environment."""
    port = free_port()
    environment = {
        **os.environ,
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_LOGGING_LEVEL": "WARNING",
    }
    prefect = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1"]
    process = subprocess.Popen(
        [*prefect, "--port", str(port)],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until(lambda: healthy(f"http://127.0.0.1:{port}/api/health"))
        yield environment
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def completed_scheduled_runs(url: str) -> int:
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        runs = client.read_flow_runs()
    return sum(run.auto_scheduled and run.state_name == "Completed" for run in runs)


@pytest.mark.timeout(600)  # a busy machine is no failure
def test_a_scheduled_build_runs_without_a_hand(
    workspace: Workspace, server: dict[str, str]
) -> None:
    # With the wrong SQLAlchemy the scheduler dies silently and this never completes.
    served = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(workspace.root)],
        env=server,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        until(
            lambda: (
                served.poll() is not None or completed_scheduled_runs(server["PREFECT_API_URL"])
            ),
            seconds=400,
        )
        assert served.poll() is None, served.communicate()[0]
        assert completed_scheduled_runs(server["PREFECT_API_URL"]) >= 1
    finally:
        os.killpg(served.pid, signal.SIGKILL)
        served.wait()
    assert all(workspace.stage(name).is_dir() for name in STAGES)


def test_a_schedule_needs_exactly_one_rhythm() -> None:
    from flows.commands.schedule import schedule

    with pytest.raises(FactoryError, match="--cron or --every"):
        schedule(cron=None, every=None)
    with pytest.raises(FactoryError, match="--cron or --every"):
        schedule(cron="* * * * *", every=5)
