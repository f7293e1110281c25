"""Stop a build that is cancelled on the Prefect server.

A runner (`flawfactory schedule`, a worker) stops the flow runs that it has started. Nobody watches
the run of a build that was started by hand, so that it has to ask for itself.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from prefect import get_client
from prefect.runtime import deployment

_POLL_SECONDS = 2.0


@contextmanager
def stop_when_cancelled(run: str | None) -> Iterator[Event]:
    """Send SIGTERM to this process, once, when the flow run is cancelled within the context.

    Prefect turns the signal into a `TerminationSignal` in the main thread. Yields an event that is
    set before the signal is sent.

    Args:
        run: id of the flow run. Nothing is watched for a run of a deployment, or outside the main
            thread.
    """
    cancelled, ended = Event(), Event()

    def watch(run: str) -> None:
        while not ended.wait(_POLL_SECONDS):
            if _is_cancelled(run) and not ended.is_set():
                cancelled.set()
                os.kill(os.getpid(), signal.SIGTERM)
                return

    if run and not deployment.id and threading.current_thread() is threading.main_thread():
        Thread(target=watch, args=(run,), daemon=True).start()
    try:
        yield cancelled
    finally:
        ended.set()


def _is_cancelled(run: str) -> bool:
    """Whether the server says that the flow run is cancelled; False if it does not answer."""
    try:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(run).state  # pyright: ignore[reportArgumentType]
    except Exception:  # a lost server does not end the build
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
