"""Sending a request again: exponential back-off with full jitter, never sooner than told."""

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
LONGEST = 60.0
"""Seconds: where the back-off stops growing."""
PATIENCE = 600.0
"""Seconds: a server that asks for more is left for the next build."""


class Transient(Exception):
    """A request failed in a way that may pass."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Gone(Exception):
    """A request failed for good, or too often."""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds that a server asks to wait: ``Retry-After`` as seconds or as a date.

    Args:
        headers: of the response, names in any case that the mapping accepts.
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
    """What the server asked for, and on top of it what the back-off says: those who were turned
    away together do not come back together."""
    error = state.outcome.exception() if state.outcome else None
    asked = (error.retry_after if isinstance(error, Transient) else None) or 0.0
    return asked + wait_random_exponential(multiplier=1.0, max=LONGEST)(state)


def call(
    function: Callable[[], T], attempts: int, sleep: Callable[[float], None] = time.sleep
) -> T:
    """`function()`, again after a `Transient`.

    Raises:
        Gone: it failed `attempts` times, or the server asked for more than `PATIENCE`.
    """

    def patient(error: BaseException) -> bool:
        return isinstance(error, Transient) and (error.retry_after or 0.0) <= PATIENCE

    retrying = Retrying(
        stop=stop_after_attempt(attempts),
        wait=_wait,
        retry=retry_if_exception(patient),
        sleep=sleep,
        reraise=True,
    )
    try:
        return retrying(function)
    except Transient as error:
        raise Gone(str(error)) from error
