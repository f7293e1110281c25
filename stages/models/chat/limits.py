"""May the next request go? Pure arithmetic over what the ledger knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from stages.engine.workspace import FactoryError
from stages.models.chat.settings import CallSettings

WINDOW = 60.0
"""Seconds over which rates are counted."""
FULL = 0.1
"""Seconds until a look whether one of the requests under way has come back."""


class BudgetReached(FactoryError):
    """The next request could cost more than is left."""


@dataclass(frozen=True)
class Recent:
    """A request that was sent lately."""

    started: float
    """Seconds since the epoch."""
    tokens: int
    """Sent and returned; as estimated while it is under way."""


def wait(
    now: float, recent: Sequence[Recent], under_way: int, tokens: int, limits: CallSettings
) -> float:
    """Seconds until a request of about `tokens` may be tried again; 0 = it may go now.

    A request larger than the bound on tokens goes when nothing else was sent for a minute.

    Args:
        now: seconds since the epoch.
        recent: requests of the last `WINDOW` seconds, oldest first.
        under_way: requests that have not come back.
        tokens: estimated, input and output.
        limits: the bounds.
    """
    if under_way >= limits.concurrency:
        return FULL
    recent = [call for call in recent if call.started > now - WINDOW]
    delay = 0.0
    if limits.requests_per_minute and len(recent) >= limits.requests_per_minute:
        delay = recent[-limits.requests_per_minute].started + WINDOW - now
    if limits.tokens_per_minute:
        left = sum(call.tokens for call in recent)
        for call in recent:
            if left + tokens <= limits.tokens_per_minute:
                break
            left -= call.tokens
            delay = max(delay, call.started + WINDOW - now)
    return delay


def affordable(
    model: str, most: float | None, spent: float, promised: float, budget: float | None
) -> bool:
    """Whether a request fits the budget; False while that hangs on what those under way will
    really cost.

    Args:
        model: for the message.
        most: that the request can cost; None = its price is unknown.
        spent: on all requests before.
        promised: the most that those under way can cost.
        budget: None = there is none.

    Raises:
        BudgetReached: it cannot fit, or nobody can tell.
    """
    if budget is None:
        return True
    if most is None:
        raise BudgetReached(
            f"there is a budget of {budget:g}, but the price of {model!r} is unknown: name it in "
            "[calls] prices of factory.toml (0 for your own server), or take the budget out"
        )
    if spent + most > budget:
        raise BudgetReached(
            f"the budget of {budget:g} is reached: {spent:.4f} are spent, and the next request to "
            f"{model!r} may cost {most:.4f}. All that was computed is kept; raise `budget` in "
            "factory.toml to go on"
        )
    return spent + promised + most <= budget
