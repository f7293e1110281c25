"""Builds that are stopped while a Prefect server shows them."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from waiting import wait_until

from flows.schedule import Job
from flows.timing import Timing
from stages.engine.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FLAWFACTORY = str(Path(sys.executable).with_name("flawfactory"))
ProcessesIn = Callable[[Path], list[str]]


class Running:
    """A command whose build waits in perceive."""

    def __init__(self, command: list[str], server: dict[str, str], output: Path) -> None:
        self.url, self.output = server["PREFECT_API_URL"], output
        environment = {**server, "TOY_WAITS_FOR": "/never", "TOY_WAITER": "perceive"}
        with output.open("w") as file:
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=file)

    @property
    def said(self) -> str:
        return self.output.read_text()

    def ask(self, path: str, **values: object) -> object:
        done = httpx.post(f"{self.url}/{path}", json=values, trust_env=False, timeout=60)
        return done.raise_for_status().json()

    def runs(self) -> list[dict]:
        return self.ask("flow_runs/filter", sort="START_TIME_ASC")

    def states(self) -> list[str]:
        return [run["state"]["name"] for run in self.runs()]

    def cancel(self) -> None:
        """As the button in the UI does."""
        (run,) = [run for run in self.runs() if run["state"]["name"] == "Running"]
        state = {"type": "CANCELLING", "name": "Cancelling"}
        self.ask(f"flow_runs/{run['id']}/set_state", state=state)


@contextmanager
def running(running: Running, processes_in: ProcessesIn, root: Path) -> Iterator[Running]:
    try:
        wait_until(lambda: any("stage.py\0perceive" in c for c in processes_in(root)), 300)
        yield running
    finally:
        running.process.kill()
        running.process.wait()


def stage_has_ended(processes_in: ProcessesIn, root: Path) -> bool:
    return not any("stage.py" in c or "repro" in c for c in processes_in(root))


def test_a_build_by_hand_ends_when_it_is_cancelled_on_the_server(
    workspace: Workspace, server: dict[str, str], processes_in: ProcessesIn, tmp_path: Path
) -> None:
    build = Running([FLAWFACTORY, "build"], server, tmp_path / "said")
    with running(build, processes_in, workspace.root):
        start = time.monotonic()
        build.cancel()
        wait_until(lambda: stage_has_ended(processes_in, workspace.root))
        print("children gone", time.monotonic() - start)
        assert build.process.wait(120) == 2, build.said
        print("ended", time.monotonic() - start)
    print(build.said)
    last = build.said.strip().splitlines()[-1]
    assert last == "flawfactory: cancelled on the Prefect server; what was finished is kept"
    assert build.states() == ["Cancelled"]
    done = subprocess.run([FLAWFACTORY, "build"], env=server, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert workspace.stage("package").is_dir()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_ends_a_build_that_a_server_shows(
    name: str, workspace: Workspace, server: dict[str, str], processes_in: ProcessesIn,
    tmp_path: Path,
) -> None:  # fmt: skip
    number = signal.Signals[name]
    build = Running([FLAWFACTORY, "build"], server, tmp_path / "said")
    with running(build, processes_in, workspace.root):
        start = time.monotonic()
        os.kill(build.process.pid, number)
        code = build.process.wait(120)
        print("ended", time.monotonic() - start)
        print(build.said, build.states())
        assert code == 128 + number, build.said
    assert f"stopped by {name}; what was finished is kept" in build.said
    assert "Traceback" not in build.said
    assert stage_has_ended(processes_in, workspace.root)


def test_a_scheduled_build_ends_when_it_is_cancelled_and_the_schedule_goes_on(
    workspace: Workspace, server: dict[str, str], processes_in: ProcessesIn, tmp_path: Path
) -> None:
    job = Job(root=workspace.root, folders=[], timing=Timing(every_minutes=0.2))
    command = [sys.executable, "-m", "flows.schedule", job.model_dump_json()]
    schedule = Running(command, server, tmp_path / "said")
    with running(schedule, processes_in, workspace.root):
        start = time.monotonic()
        schedule.cancel()
        wait_until(lambda: stage_has_ended(processes_in, workspace.root))
        print("children gone", time.monotonic() - start)
        wait_until(lambda: "Cancelled" in schedule.states())
        print("cancelled", time.monotonic() - start)
        wait_until(lambda: schedule.states().count("Running") == 1, 300)
