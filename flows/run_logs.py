"""Keep tracebacks of errors that the user can mend out of the logs of Prefect's runs."""

from __future__ import annotations

import logging

from stages.engine.workspace import FactoryError

_LOGGERS = ("prefect.flow_runs", "prefect.task_runs")


def shorten_tracebacks() -> None:
    """Log a failed gate, and every other `FactoryError`, without a traceback in this process.

    Prefect logs an exception up to three times with its traceback: a hundred lines of a scheduled
    build's output, between which the reason is hard to find.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_drop_traceback)


def _drop_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info and isinstance(record.exc_info[1], FactoryError):
        record.exc_info = None
    return True
