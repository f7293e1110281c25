import logging

import pytest

from flows.run_logs import shorten_tracebacks
from flows.steps import StageFailed


class Records(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.logged: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.logged.append(record)


@pytest.mark.parametrize("name", ["prefect.flow_runs", "prefect.task_runs"])
def test_a_failed_stage_is_logged_without_a_traceback_and_a_bug_with_it(name: str) -> None:
    shorten_tracebacks()
    records, logger = Records(), logging.getLogger(name)
    logger.addHandler(records)
    try:
        for error in (StageFailed("map failed"), ValueError("a bug")):
            try:
                raise error
            except Exception as caught:
                logger.exception("failed: %r", caught)
    finally:
        logger.removeHandler(records)
    gate, bug = records.logged
    assert gate.exc_info is None and "map failed" in gate.getMessage()
    assert bug.exc_info and bug.exc_info[1] is not None
