"""Commands that wait for a build give up after --wait."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from typer.testing import CliRunner, Result

from flows.cli import app
from flows.locks import Waiter, build_lock
from stages.engine.workspace import Workspace

SCAN = ["scan", "."]
WITHDRAW = ["withdraw", "00ff", "--reason", "she asked"]
GC = ["gc", "--yes"]
REPAIR = ["verify", "--repair"]
RELEASE = ["release", "v1"]


@pytest.mark.parametrize(
    "command", [SCAN, WITHDRAW, GC, REPAIR, RELEASE], ids=lambda command: command[0]
)
def test_a_command_gives_up_after_the_given_minutes(
    command: list[str], workspace: Workspace
) -> None:
    def call() -> Result:
        return CliRunner().invoke(app, [*command, "--wait", "0"])

    with build_lock(workspace, Waiter(pytest.fail)), ThreadPoolExecutor(1) as other:
        done = other.submit(call).result()  # the lock is reentrant in this thread
    assert done.exit_code == 2 and "another build (process" in done.output
    assert "still runs after 0 minutes" in done.output


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["gc"], "gc --yes"),
        (["gc", "--purge", "00ff"], "gc --yes"),
        (["verify"], "verify --repair"),
        (["verify", "data/package"], "verify --repair"),
    ],
)
def test_what_never_waits_takes_no_limit(
    command: list[str], words: str, workspace: Workspace
) -> None:
    done = CliRunner().invoke(app, [*command, "--wait", "5"])
    assert done.exit_code == 2 and f"--wait is for `{words}`" in done.output
