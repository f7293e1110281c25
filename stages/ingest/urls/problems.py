"""Why a URL gives no file."""

from __future__ import annotations

from stages.engine.codes import FetchCode, RejectCode


class FetchProblem(Exception):
    """A URL whose file is not fetched.

    Attributes:
        code: the reject's code.
        message: the problem and its remedy, in one line.
        passing: whether the same request may succeed a little later.
        retry_after: seconds after which the server asks to try again, or None.
    """

    def __init__(
        self,
        code: RejectCode,
        message: str,
        *,
        passing: bool = False,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message = code, message
        self.passing, self.retry_after = passing, retry_after


def not_allowed(message: str) -> FetchProblem:
    """Return the problem of a URL that the settings forbid."""
    return FetchProblem(FetchCode.NOT_ALLOWED, message)


def opted_out(message: str) -> FetchProblem:
    """Return the problem of a URL whose owner forbids this use."""
    return FetchProblem(FetchCode.OPTED_OUT, message)


def not_fetched(
    message: str, *, passing: bool = False, retry_after: float | None = None
) -> FetchProblem:
    """Return the problem of a URL whose server or network fails."""
    return FetchProblem(FetchCode.NOT_FETCHED, message, passing=passing, retry_after=retry_after)
