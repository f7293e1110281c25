import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import schedule
from flows.schedule import Job
from flows.temporary_server import RETENTION, temporary_server
from flows.timing import Timing
from flows.watching import SEEN
from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace

SERVE = """
import sys
from flows.schedule import Job, serve

serve(Job.model_validate_json(sys.argv[1]), print)
"""


def newer_database(home: Path) -> Path:
    """Make a database that looks as if a later version of Prefect had written it."""
    home.mkdir(parents=True)
    path = home / "prefect.db"
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
        database.execute("INSERT INTO alembic_version VALUES ('ffffffffffff')")
    return path


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_scheduled_build_runs_without_a_configured_server(
    begun: Workspace, tmp_path: Path, processes_in: Callable[[Path], list[str]]
) -> None:
    # With an unsuitable version of SQLAlchemy the scheduler dies silently and no build runs.
    theirs = newer_database(tmp_path / "home" / ".prefect")
    before = theirs.read_bytes()
    proxies = dict.fromkeys(["HTTP_PROXY", "http_proxy", "ALL_PROXY"], "http://127.0.0.1:9")
    environment = {**os.environ, **proxies, "HOME": str(tmp_path / "home")}
    for name in ("NO_PROXY", "no_proxy", "PREFECT_API_URL", "PREFECT_HOME"):
        environment.pop(name, None)
    job = Job(root=begun.root, folders=[], timing=Timing(every_minutes=0.1), watch_minutes=0.001)
    with (tmp_path / "said").open("w") as output:
        served = subprocess.Popen(
            [sys.executable, "-c", SERVE, job.model_dump_json()],
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    for _ in range(1200):
        if served.poll() is not None or (begun.data / SEEN).exists():
            break
        time.sleep(0.2)
    said = (tmp_path / "said").read_text()
    served.kill()
    assert served.wait() == -signal.SIGKILL, said
    assert all(begun.stage(name).is_dir() for name in STAGES), said
    assert "a build is started" in said  # by watching, beside the schedule's
    assert theirs.read_bytes() == before
    for _ in range(600):
        if not processes_in(begun.root):
            break
        time.sleep(0.1)
    assert not processes_in(begun.root)


@pytest.mark.slow
def test_a_server_that_cannot_start_is_a_one_line_error(workspace: Workspace) -> None:
    newer_database(workspace.data / ".prefect")
    with pytest.raises(FactoryError) as error, temporary_server(workspace):
        pytest.fail("it started")
    words = str(error.value)
    assert "ffffffffffff" in words and "\n" not in words
    assert f"remove {workspace.data / '.prefect'}" in words


def test_the_temporary_server_removes_old_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    from prefect.settings import Settings

    for name, value in RETENTION.items():
        monkeypatch.setenv(name, value)
    vacuum = Settings().server.services.db_vacuum
    assert {"events", "flow_runs"} <= vacuum.enabled_vacuum_types
    assert vacuum.retention_period == timedelta(days=30)


def test_a_schedule_without_webhook_forgets_that_of_an_earlier_one_on_its_own_server(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def server(workspace: Workspace) -> Iterator[SimpleNamespace]:
        environment = {"PREFECT_API_URL": "its"}
        yield SimpleNamespace(address="", log="", process=None, environment=environment)

    forgotten, said = list[str](), list[str]()
    monkeypatch.setattr(schedule, "temporary_server", server)
    monkeypatch.setattr(schedule, "forget_webhook", forgotten.append)
    monkeypatch.setattr(schedule, "_serve_from_child", lambda *values: None)
    monkeypatch.setattr(schedule, "require_reachable", lambda url: None)
    job = Job(root=workspace.root, folders=[])
    for url, webhook in (("", "http://hook"), ("http://everybodys/api", None), ("", None)):
        monkeypatch.setenv("PREFECT_API_URL", url)
        assert forgotten == []
        schedule.serve(job, said.append, webhook)
    assert forgotten == ["its"]
    assert sum("export PREFECT_API_URL=its" in line for line in said) == 2  # not for everybody's


def test_the_deployments_of_two_checkouts_have_different_names() -> None:
    timing = Timing(every_minutes=5)
    first, second = (Job(root=Path(r), folders=[], timing=timing) for r in ("/a/x", "/b/x"))
    assert first.name != second.name
