"""Rate limits and budget of requests: pure functions over the ledger's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stages.engine.workspace import FactoryError
from stages.models.chat.settings import CallSettings

WINDOW = 60.0
"""Seconds over which rates are counted."""
POLL = 0.1
"""Seconds between checks whether an open request has finished."""


class BudgetReached(FactoryError):
    """The next request could exceed the budget."""


@dataclass(frozen=True)
class Recent:
    """A request of the last `WINDOW` seconds."""

    started: float
    """Seconds since the epoch."""
    tokens: int
    """Tokens sent and returned; an estimate while the request is open."""


def compute_delay(
    now: float, recent: Sequence[Recent], in_flight: int, tokens: int, limits: CallSettings
) -> float:
    """Return the seconds after which to try a request of about `tokens` again; 0 = send it now.

    A request larger than the token limit is sent when nothing else was sent for a minute. Requests
    that seem to have started in the future, because the clock was set back since, do not count.

    Args:
        now: seconds since the epoch.
        recent: requests of the last `WINDOW` seconds, oldest first.
        in_flight: number of open requests.
        tokens: estimate of input and output tokens.
        limits: the limits.
    """
    if in_flight >= limits.concurrency:
        return POLL
    recent = [call for call in recent if now - WINDOW < call.started <= now]
    delay = 0.0
    if limits.requests_per_minute and len(recent) >= limits.requests_per_minute:
        delay = recent[-limits.requests_per_minute].started + WINDOW - now
    if limits.tokens_per_minute:
        counted = sum(call.tokens for call in recent)
        for call in recent:
            if counted + tokens <= limits.tokens_per_minute:
                break
            counted -= call.tokens
            delay = max(delay, call.started + WINDOW - now)
    return delay


def fits_budget(
    model: str, max_cost: float | None, spent: float, reserved: float, budget: float | None
) -> bool:
    """Return whether a request fits the budget; False if it depends on the cost of open requests.

    Args:
        model: name of the model, for the message.
        max_cost: maximum cost of the request; None = its price is unknown.
        spent: cost of all finished requests.
        reserved: maximum cost of all open requests.
        budget: None = no budget.

    Raises:
        BudgetReached: the request cannot fit, or its price is unknown.
    """
    if budget is None:
        return True
    if max_cost is None:
        raise BudgetReached(
            f"the budget is {budget:g}, but the price of {model!r} is unknown: set it in [calls] "
            "prices of factory.toml (0 for your own server), or remove the budget"
        )
    if spent + max_cost > budget:
        raise BudgetReached(
            f"the budget of {budget:g} is reached: {spent:.4f} are spent, and the next request to "
            f"{model!r} may cost {max_cost:.4f}. All results so far are kept; raise `budget` in "
            "factory.toml to continue"
        )
    return spent + reserved + max_cost <= budget
