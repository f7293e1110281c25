"""Section ``calls`` of factory.toml: rate limits, retries and prices of models that are asked."""

from __future__ import annotations

from pydantic import Field, ValidationError

from stages.engine.section import Section, complaints
from stages.engine.settings import read_settings
from stages.engine.workspace import FactoryError, Workspace


class Price(Section):
    """What a model's tokens cost, in the currency of the budget."""

    input: float = Field(ge=0, le=1_000_000)
    """A million tokens that are sent."""
    output: float = Field(ge=0, le=1_000_000)
    """A million tokens that come back."""

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """Of one call."""
        return (input_tokens * self.input + output_tokens * self.output) / 1e6


class CallSettings(Section):
    """How fast, and for how much money, back ends may ask services over the network."""

    requests_per_minute: int = Field(default=0, ge=0, le=1_000_000)
    """Over all workers together; 0 = no bound."""
    tokens_per_minute: int = Field(default=0, ge=0, le=10**12)
    """Sent and returned, as estimated beforehand; 0 = no bound."""
    concurrency: int = Field(default=8, ge=1, le=1_000_000)
    """Requests under way at once, all workers together."""
    timeout_seconds: float = Field(default=120.0, gt=0, le=86_400)
    attempts: int = Field(default=6, ge=1, le=100)
    """Of one request, before its photo is left for the next build."""
    image_tokens: int = Field(default=1600, ge=0, le=1_000_000)
    """Assumed of an image before the first answer tells."""
    budget: float | None = Field(default=None, ge=0, le=1_000_000_000)
    """The build ends before the checkout's ledger passes this; None = no bound."""
    budget_days: float | None = Field(default=None, gt=0, le=36_500)
    """Only calls of so many last days count against the budget; None = all."""
    prices: dict[str, Price] = Field(default_factory=dict)
    """By the model's name; a model that is not here has an unknown price."""

    def counted_from(self, now: float) -> float:
        """Since when calls count against the budget; `now` and this in seconds since the epoch."""
        return 0.0 if self.budget_days is None else now - self.budget_days * 86_400


def load_call_settings(workspace: Workspace) -> CallSettings:
    """Read and check section ``calls`` of a checkout's factory.toml.

    Raises:
        FactoryError: wrong key, value or syntax, or a file that cannot be read.
    """
    values = read_settings(workspace).get("calls", {})
    try:
        return CallSettings.model_validate(values)
    except ValidationError as error:
        path, found = (
            workspace.root / "factory.toml",
            complaints(error, CallSettings, values, "calls"),
        )
        raise FactoryError("\n".join(f"{path}: {line}" for line in found)) from error
