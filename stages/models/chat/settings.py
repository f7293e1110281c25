"""Section ``calls`` of factory.toml: rate limits, retries, budget and prices of chat models."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Section
from stages.engine.settings import load_section
from stages.engine.workspace import Workspace


class Price(Section):
    """Price of a model's tokens, in the currency of the budget."""

    input: float = Field(ge=0, le=1_000_000)
    """Price of a million input tokens."""
    output: float = Field(ge=0, le=1_000_000)
    """Price of a million output tokens."""

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """Compute the cost of one call."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class CallSettings(Section):
    """Limits on rate and cost of requests to services over the network."""

    requests_per_minute: int = Field(default=0, ge=0, le=1_000_000)
    """Limit for all workers together; 0 = no limit."""
    tokens_per_minute: int = Field(default=0, ge=0, le=10**12)
    """Limit on tokens sent and returned, estimated in advance; 0 = no limit."""
    concurrency: int = Field(default=8, ge=1, le=1_000_000)
    """Maximum number of open requests, for all workers together."""
    timeout_seconds: float = Field(default=120.0, gt=0, le=86_400)
    attempts: int = Field(default=6, ge=1, le=100)
    """Attempts of one request before its photo is left for the next build."""
    image_tokens: int = Field(default=1600, ge=0, le=1_000_000)
    """Tokens assumed per image until the first answer reports them."""
    budget: float | None = Field(default=None, ge=0, le=1_000_000_000)
    """The build ends before the checkout's ledger exceeds this; None = no limit."""
    budget_days: float | None = Field(default=None, gt=0, le=36_500)
    """Only calls of the last `budget_days` days count against the budget; None = all."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """Prices by model name; the price of a model that is not listed is unknown."""

    def budget_start(self, now: float) -> float:
        """Return the time from which calls count against the budget, in seconds since the epoch."""
        return 0.0 if self.budget_days is None else now - self.budget_days * 86_400


def load_call_settings(workspace: Workspace) -> CallSettings:
    """Read and check section ``calls`` of a checkout's factory.toml.

    Raises:
        FactoryError: a key, value or the syntax is wrong, or the file cannot be read.
    """
    return load_section(workspace, CallSettings, "calls")
