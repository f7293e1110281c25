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
from uuid import UUID

import httpx
import pytest
import yaml
from PIL import Image
from prefect import get_client
from prefect.exceptions import ParameterTypeError
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.deployed_builds import DeployedBuilds
from flows.notifications import NAME, forget_webhook, notify_of_failures
from flows.sources import update_source_list
from flows.watching import Outcome
from stages import STAGES
from stages.engine.storage.source_list import read_list
from stages.engine.workspace import FactoryError, Workspace

PREFECT_YAML = Path(__file__).parents[2] / "prefect.yaml"

KEEPING = """
import sys
from pathlib import Path

out = Path("data", sys.argv[1])
out.mkdir()
(out / "out.txt").write_text("photos")
"""
"""Stages whose output is that of `begun`, whatever their input."""

FAILING = """
import json
from pathlib import Path
from stages.engine.storage.tables import output_digest

out = Path("data/ingest")
out.mkdir()
counts = dict.fromkeys(["photos_in", "photos_accepted", "photos_rejected"], 1)
(out / "metrics.json").write_text(json.dumps(counts))
names = ["table", "expectation", "expected", "observed"]
check = {**dict.fromkeys(names, "a"), "success": False, "examples": [], "message": "it is too dark"}
run = {"gate": {"success": False, "checks": [check]}, "output": output_digest(out)}
Path("data/.report/ingest.json").write_text(json.dumps(run))
raise SystemExit("its gate failed")
"""
"""A stage whose gate fails."""


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


def photo(folder: Path, colour: str) -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", (160, 160), colour).save(folder / f"{colour}.png")
    return folder


def listed(workspace: Workspace) -> set[str]:
    return {Path(entry.path).name for entry in read_list(workspace.sources)}


def wait_for(find, seconds=300):
    deadline = time.monotonic() + seconds
    while (found := find()) is None and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_worker_builds_given_sources_and_a_failed_gate_is_shown_and_announced(
    begun: Workspace, server: dict[str, str], webhook, tmp_path
) -> None:
    shutil.copy(PREFECT_YAML, begun.root)
    (begun.root / "stage.py").write_text(KEEPING)
    begun.sources.unlink()
    update_source_list(begun, [photo(tmp_path / "old", "teal")], replace=True)
    sources = {"sources": [str(photo(tmp_path / "new", "red"))]}
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
    assert builds.are_served() and DeployedBuilds("no-such", url).are_served() is False
    command = [sys.executable, "-m", "prefect", "worker", "start", "--pool", "flawfactory"]
    command += ["--limit", "1"]
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
        run = builds.start(sources)
        assert run and builds.outcome(run) is None
        ended = wait_for(lambda: builds.outcome(run))
        assert ended is Outcome.SUCCEEDED, (tmp_path / "worker.log").read_text()
        assert all(begun.stage(name).is_dir() for name in STAGES)
        assert listed(begun) == {"teal.png", "red.png"}

        photo(tmp_path / "new", "blue")
        (begun.root / "stage.py").write_text(FAILING)
        run = builds.start(sources)
        assert run and wait_for(lambda: builds.outcome(run)) is Outcome.FAILED
        assert listed(begun) == {"teal.png", "red.png", "blue.png"}
        assert wait_for(lambda: bodies or None, seconds=60)
        assert len(bodies) == 1
    finally:
        os.killpg(worker.pid, signal.SIGKILL)
        worker.wait()
    reason = "ingest failed:\n  it is too dark"
    assert reason in bodies[0]["text"]
    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        state = client.read_flow_run(UUID(run)).state
        assert state and state.message and reason in state.message
        tables = {each.key: str(each.data) for each in client.read_artifacts()}
        assert "FAILED" in tables["ingest-gate"]

        assert client.read_automations_by_name(NAME)
        forget_webhook(url)
        assert client.read_automations_by_name(NAME) == []
        assert address not in block_documents(url)

        client.delete_flow_run(UUID(run))
    assert builds.outcome(run) is Outcome.LOST


def block_documents(url: str) -> str:
    options = {"include_secrets": True}
    found = httpx.post(f"{url}/block_documents/filter", json=options, trust_env=False)
    return found.raise_for_status().text


def test_the_deployments_name_a_flow_and_its_parameters() -> None:
    from importlib import import_module

    declared = yaml.safe_load(PREFECT_YAML.read_text())["deployments"]
    assert {each["name"] for each in declared} == {"nightly", "manual"}
    for each in declared:
        module, _, name = each["entrypoint"].rpartition(".")
        flow = getattr(import_module(module), name)
        flow.validate_parameters(each["parameters"] | {"wait_minutes": 30})
        with pytest.raises(ParameterTypeError, match="wait_minutes"):
            flow.validate_parameters(each["parameters"] | {"wait_minutes": -1})
        # The server counts runs that a crash has ended, and would start no further ones.
        assert "concurrency_limit" not in each


@pytest.mark.parametrize("url", ["", "example.org/x", "file:///etc/passwd", "http://"])
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(FactoryError, match=r"^--notify: give an http") as error:
        notify_of_failures(url)
    assert not url or url not in str(error.value)
