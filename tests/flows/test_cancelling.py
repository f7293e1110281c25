"""Builds that are stopped while a Prefect server shows them."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from waiting import wait_until

from flows import cancelling
from flows.late_runs import SKIPPED
from flows.schedule import Job
from flows.timing import Timing
from stages.engine.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
FLAWFACTORY = str(Path(sys.executable).with_name("flawfactory"))
ProcessesIn = Callable[[Path], list[str]]


class Running:
    """A command whose build waits in explain."""

    def __init__(self, command: list[str], server: dict[str, str], output: Path) -> None:
        self.url, self.output = server["PREFECT_API_URL"], output
        environment = {**server, "TOY_WAITS_FOR": "/never", "TOY_WAITER": "explain"}
        with output.open("w") as file:
            self.process = subprocess.Popen(
                command, env=environment, stdout=file, stderr=file, start_new_session=True
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def ask(self, path: str, **values: object) -> object:
        done = httpx.post(f"{self.url}/{path}", json=values, trust_env=False, timeout=60)
        return done.raise_for_status().json()

    def delete(self, path: str) -> bool:
        """Delete something; return whether it was gone already. A server whose scheduler is at work
        may fail to."""
        done = httpx.delete(f"{self.url}/{path}", trust_env=False, timeout=60)
        return done.status_code == httpx.codes.NOT_FOUND

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
        wait_until(lambda: any("stage.py\0explain" in c for c in processes_in(root)), 300)
        yield running
    finally:
        with suppress(ProcessLookupError):  # with the process of a scheduled run
            os.killpg(running.process.pid, signal.SIGKILL)
        running.process.wait()


def stage_has_ended(processes_in: ProcessesIn, root: Path) -> bool:
    return not any("stage.py" in c or "repro" in c for c in processes_in(root))


def test_a_build_by_hand_ends_when_it_is_cancelled_on_the_server_or_gets_a_signal(
    begun: Workspace, server: dict[str, str], processes_in: ProcessesIn, tmp_path: Path
) -> None:
    build = Running([FLAWFACTORY, "build"], server, tmp_path / "said")
    with running(build, processes_in, begun.root):
        build.cancel()
        assert build.process.wait(120) == 2, build.said
    assert stage_has_ended(processes_in, begun.root)
    last = build.said.strip().splitlines()[-1]
    assert last == "flawfactory: cancelled on the Prefect server; what was finished is kept"
    assert build.states() == ["Cancelled"]

    for number in (signal.SIGTERM, signal.SIGINT):
        build = Running([FLAWFACTORY, "build"], server, tmp_path / "said")
        with running(build, processes_in, begun.root):
            build.process.send_signal(number)
            assert build.process.wait(120) == 128 + number, build.said
        assert stage_has_ended(processes_in, begun.root)
        last = build.said.strip().splitlines()[-1]
        assert last == f"flawfactory: stopped by {number.name}; what was finished is kept"
    assert build.states() == ["Cancelled", "Crashed", "Crashed"]


def test_a_scheduled_build_ends_when_it_is_cancelled_and_the_schedule_goes_on(
    begun: Workspace, server: dict[str, str], processes_in: ProcessesIn, tmp_path: Path
) -> None:
    job = Job(root=begun.root, folders=[], timing=Timing(every_minutes=0.1))
    command = [sys.executable, "-m", "flows.schedule", job.model_dump_json()]
    schedule = Running(command, server, tmp_path / "said")
    with running(schedule, processes_in, begun.root):
        wait_until(lambda: schedule.states().count("Late") > 1, 300)  # due while this one runs
        schedule.cancel()
        wait_until(lambda: "Cancelled" in schedule.states(), 300)
        wait_until(lambda: "Running" in schedule.states(), 300)
        wait_until(lambda: SKIPPED in schedule.states(), 300)  # the build takes all photos
        assert schedule.process.poll() is None, schedule.said

        (deployment,) = schedule.ask("deployments/filter")
        wait_until(lambda: schedule.delete(f"deployments/{deployment['id']}"), 300)
        assert schedule.process.wait(300) == 1, schedule.said
    assert "no longer knows the deployment" in schedule.said


@pytest.mark.parametrize(("deployment", "answers"), [(None, 1), ("d", 2)])
def test_a_build_ends_itself_if_no_runner_does(
    deployment: str | None, answers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A runner that has lost the server does not hear of a cancellation; one that has not is
    first."""
    asked: list[str | None] = []
    ended = threading.Event()

    def is_cancelled(run: str | None) -> bool:
        asked.append(run)
        return len(asked) > 1

    monkeypatch.setattr(cancelling, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(cancelling, "is_cancelled", is_cancelled)
    monkeypatch.setattr(cancelling, "deployment", SimpleNamespace(id=deployment))
    monkeypatch.setattr(cancelling.os, "kill", lambda pid, number: ended.set())
    with cancelling.stop_when_cancelled("run"):
        assert ended.wait(60)
    assert asked == ["run"] * (1 + answers)
