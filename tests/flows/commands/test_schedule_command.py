from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from flows import schedule
from flows.cli import app
from flows.schedule import Job
from stages.engine.workspace import Workspace


def call(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["schedule", *arguments])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give --cron or --every, or --watch"),
        (["--cron", "* * * * *", "--every", "5"], "give --cron or --every, or --watch"),
        (["--watch", "5"], "--watch: give minutes above 0, and --source FOLDER"),
        (["--watch", "0", "--source", "."], "--watch: give minutes above 0, and --source FOLDER"),
        (["--cron", "bad cron"], "--cron 'bad cron' is not a cron expression"),
        (["--every", "0"], "--every 0: give a minute or more"),
        (["--source", "/no/such", "--every", "5"], "--source /no/such: no such folder"),
        (["--source", "s3://KEY:x@b/x", "--every", "5"], "without keys or passwords"),
    ],
)
def test_invalid_arguments_are_a_one_line_error(
    workspace: Workspace, arguments: list[str], words: str
) -> None:
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.output and len(result.output.splitlines()) == 1


def test_the_time_zone_and_the_next_runs_are_printed(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Job] = []
    monkeypatch.setattr(schedule, "serve", lambda job, say, webhook: jobs.append(job))
    monkeypatch.setattr("flows.timing.local_timezone", lambda: "Asia/Kolkata")
    result = call("--cron", "0 3 * * *", "--source", str(tmp_path))
    assert result.exit_code == 0
    assert "time zone Asia/Kolkata" in result.output and result.output.count("03:00 IST") == 3
    assert call("--cron", "0 3 * * *", "--timezone", "UTC").output.count("03:00 UTC") == 3
    assert [job.timing and job.timing.timezone for job in jobs] == ["Asia/Kolkata", "UTC"]
    assert jobs[0].root == workspace.root and jobs[0].folders == [str(tmp_path)]


def test_a_watched_folder_needs_no_times(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[Job, str | None]] = []
    monkeypatch.setattr(schedule, "serve", lambda job, say, webhook: served.append((job, webhook)))
    monkeypatch.setenv("FLAWFACTORY_NOTIFY", "https://example.org/secret")
    result = call("--watch", "5", "--source", str(tmp_path), "--wait", "30")
    assert result.exit_code == 0 and "looks every 5 minutes" in result.output
    assert "secret" not in result.output
    job, webhook = served[0]
    assert (job.timing, job.watch_minutes, job.wait_minutes) == (None, 5, 30)
    assert webhook == "https://example.org/secret"
