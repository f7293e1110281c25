import os
import subprocess
import sys
import threading

import pytest

from flows.locks import Waiter, build_lock
from stages.engine.workspace import FactoryError, Workspace


def silent_waiter() -> Waiter:
    return Waiter(lambda words: None)


def test_a_second_build_waits_and_names_the_holder(workspace: Workspace) -> None:
    waited, said, order = threading.Event(), [], []

    def tell(words: str) -> None:
        said.append(words)
        waited.set()

    def second() -> None:
        with build_lock(workspace, Waiter(tell)):
            order.append("second")

    with build_lock(workspace, silent_waiter()):
        thread = threading.Thread(target=second)
        thread.start()
        assert waited.wait(timeout=60)
        order.append("first")
    thread.join(timeout=60)
    assert order == ["first", "second"]
    assert len(said) == 1 and f"another build (process {os.getpid()})" in said[0]


def test_waiting_ends_after_the_given_minutes(workspace: Workspace) -> None:
    failures = []

    def second() -> None:
        try:
            with build_lock(workspace, Waiter(lambda words: None, minutes=0)):
                failures.append("entered")
        except FactoryError as error:
            failures.append(str(error))

    with build_lock(workspace, silent_waiter()):
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=60)
    assert "still runs after 0 minutes" in failures[0] and "--wait" in failures[0]


def test_the_lock_is_reentrant(workspace: Workspace) -> None:
    with build_lock(workspace, silent_waiter()), build_lock(workspace, Waiter(pytest.fail)):
        pass
    with build_lock(workspace, Waiter(pytest.fail)):
        pass


HOLD = """
import sys, time
from flows.locks import Waiter, build_lock
from stages.engine.workspace import Workspace
with build_lock(Workspace.find(), Waiter(print)):
    print("held", flush=True)
    time.sleep(600)
"""


def test_the_lock_of_a_killed_process_is_free_even_if_its_number_is_in_use(
    workspace: Workspace,
) -> None:
    """The kernel holds the lock. The number in the file is for the message only: after a container
    was started again, another process may have it."""
    holder = subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True)
    assert holder.stdout and holder.stdout.readline() == "held\n"
    refused = pytest.raises(FactoryError, match=f"process {holder.pid}")
    with refused, build_lock(workspace, Waiter(lambda words: None, minutes=0)):
        pytest.fail("two builds hold the lock")
    holder.kill()
    holder.wait()
    (workspace.reports / "build.lock").write_text(f"{os.getppid()}\n")
    with build_lock(workspace, Waiter(pytest.fail)):
        pass
