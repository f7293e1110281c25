"""Retry requests: exponential back-off with full jitter, not before ``Retry-After``."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

T = TypeVar("T")
MAX_BACKOFF = 60.0
"""Maximum back-off in seconds."""
MAX_RETRY_AFTER = 600.0
"""Seconds; if a server asks for a longer delay, the photo is left for the next build."""


class TransientError(Exception):
    """A request failed, but a retry may succeed."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class RequestFailed(Exception):
    """A request failed permanently or too often."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds of ``Retry-After``, which is a number or a date; None if there are none.

    Args:
        headers: headers of the response; names are matched as the mapping does.
        now: seconds since the epoch.
    """
    value = headers.get("retry-after")
    if value is None:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - now)
    except (TypeError, ValueError):
        return None


def _wait(state: RetryCallState) -> float:
    """Add a random back-off to the server's delay, so that clients do not all retry at once."""
    error = state.outcome.exception() if state.outcome else None
    delay = (error.retry_after if isinstance(error, TransientError) else None) or 0.0
    return delay + wait_random_exponential(multiplier=1.0, max=MAX_BACKOFF)(state)


def call_with_retries(
    function: Callable[[], T], attempts: int, sleep: Callable[[float], None] = time.sleep
) -> T:
    """Call `function`, and again after each `TransientError`.

    Raises:
        RequestFailed: it failed `attempts` times, or the server asked for a delay of more than
            `MAX_RETRY_AFTER`.
    """

    def can_retry(error: BaseException) -> bool:
        return isinstance(error, TransientError) and (error.retry_after or 0.0) <= MAX_RETRY_AFTER

    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=_wait,
        retry=retry_if_exception(can_retry),
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(function)
    except TransientError as error:
        raise RequestFailed(str(error)) from error
