"""Stop a build that is cancelled on the Prefect server.

A runner (`flawfactory schedule`, a worker) stops the flow runs that it has started, but a runner
that lost the server for half a minute never hears of a cancellation again (Prefect 3.8.8,
`FlowRunCancellingObserver`). Nobody watches the run of a build that was started by hand. So each
build asks for itself, and lets its runner go first.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import copy_context
from threading import Event, Thread

from prefect.runtime import deployment
from prefect.settings import PREFECT_API_URL

from flows.prefect_api import client_without_retries

_POLL_SECONDS = 2.0


@contextmanager
def stop_when_cancelled(run: str | None) -> Iterator[None]:
    """Send SIGTERM to this process, once, when the flow run is cancelled within the context.

    Prefect turns the signal into a `TerminationSignal` in the main thread.

    Args:
        run: id of the flow run. Nothing is watched outside the main thread.
    """
    ended = Event()
    answers = 2 if deployment.id else 1  # the runner goes first

    def watch(run: str) -> None:
        left = answers
        while left and not ended.wait(_POLL_SECONDS):
            left -= is_cancelled(run)
        if not ended.is_set():
            os.kill(os.getpid(), signal.SIGTERM)

    if run and threading.current_thread() is threading.main_thread():
        # In this context: it holds Prefect's settings, such as the address of the server.
        Thread(target=copy_context().run, args=(watch, run), daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def is_cancelled(run: str | None) -> bool:
    """Whether the server says that the flow run is cancelled; False if it does not answer."""
    try:
        with client_without_retries(PREFECT_API_URL.value()) as client:
            state = client.read_flow_run(run).state  # pyright: ignore[reportArgumentType]
    except Exception:  # a lost server does not end the build
        return False
    return state is not None and (state.is_cancelling() or state.is_cancelled())
