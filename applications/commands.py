"""Run a command line of a module, with errors that the user can fix in one line."""

from __future__ import annotations

from collections.abc import Callable

from stages.engine.faults import user_message
from training.runtime import log_to_stderr


def run_command(work: Callable[[], None]) -> None:
    """Run a command; an error that the user can fix is one line and exit status 2."""
    log_to_stderr()
    try:
        work()
    except Exception as error:
        message = user_message(error)
        if message is None:
            raise
        raise SystemExit(f"error: {message}") from error
