"""The deployments of prefect.yaml on a server with a worker, and the call when a build fails."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest
import yaml
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.notifications import notify_of_failures
from flows.schedule import DeployedBuilds
from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace

PREFECT_YAML = Path(__file__).parents[2] / "prefect.yaml"


@pytest.fixture
def webhook():
    """An address on loopback, and the bodies that are posted to it."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            assert self.headers["Content-Type"] == "application/json"
            bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", bodies
    server.shutdown()


def wait_for(find, seconds=300):
    deadline = time.monotonic() + seconds
    while (found := find()) is None and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_runs_the_deployments_and_a_failed_build_is_announced(
    begun: Workspace, server: dict[str, str], webhook, tmp_path
) -> None:
    shutil.copy(PREFECT_YAML, begun.root)
    address, bodies = webhook
    url = server["PREFECT_API_URL"]

    def prefect(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "prefect", "--no-prompt", *words]
        return subprocess.run(
            command, cwd=begun.root, env=server, capture_output=True, text=True, check=True
        )

    prefect("work-pool", "create", "flawfactory", "--type", "process")
    prefect("deploy", "--all")
    with temporary_settings({PREFECT_API_URL: url}):
        notify_of_failures("http://127.0.0.1:9/other")
        notify_of_failures(address)  # replaces the address
    builds = DeployedBuilds("manual", url)
    assert DeployedBuilds("no-such", url).start() is None
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "flawfactory"]
    with (tmp_path / "worker.log").open("w") as log:
        worker = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=server,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        run = builds.start()
        assert run and builds.outcome(run) is None
        assert wait_for(lambda: builds.outcome(run)) is True, (tmp_path / "worker.log").read_text()
        assert all(begun.stage(name).is_dir() for name in STAGES)
        (begun.data / "sources").write_text("photos, bad ingest")
        run = builds.start()
        assert run and wait_for(lambda: builds.outcome(run)) is False
        assert wait_for(lambda: bodies or None, seconds=60)
        assert "ingest failed" in bodies[0]["text"] and len(bodies) == 1
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()


def test_the_deployments_name_a_flow_and_its_parameters() -> None:
    from importlib import import_module

    declared = yaml.safe_load(PREFECT_YAML.read_text())["deployments"]
    assert {each["name"] for each in declared} == {"nightly", "manual"}
    for each in declared:
        module, _, name = each["entrypoint"].rpartition(".")
        flow = getattr(import_module(module), name)
        flow.validate_parameters(each["parameters"])


@pytest.mark.parametrize("url", ["", "example.org/x", "file:///etc/passwd", "http://"])
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(FactoryError, match=r"^--notify: give an http") as error:
        notify_of_failures(url)
    assert not url or url not in str(error.value)
