"""Estimate a build's calls to models and their cost from earlier calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from rich.markup import escape
from rich.table import Table

from flows.spending import describe_total
from stages.catalogue import build_stage, load_params
from stages.engine.stage import BaseParams
from stages.engine.workspace import Workspace
from stages.map.params import MapParams
from stages.models import registry
from stages.models.chat.ledger import NAME, Ledger
from stages.models.chat.settings import Price, load_call_settings

_FREE = Price(input=0, output=0)


@dataclass(frozen=True)
class CallEstimate:
    """The calls for one question of one stage."""

    stage: str
    question: str
    model: str
    calls: int
    """Maximum number of calls: one per photo, per variant that `map` may draw, or per picture with
    several of them, not counting repetitions after unusable answers. Cached answers and earlier
    rejects cost nothing."""
    example_pictures: int
    """Total number of pictures of examples that are sent with the calls."""
    tokens: tuple[float, float] | None
    """Total tokens sent and received at the mean of earlier calls; None before the first call."""
    price: Price | None
    """None if unknown."""

    @property
    def money(self) -> float | None:
        """Estimated cost; None if tokens or price are unknown."""
        if self.price is None or self.tokens is None:
            return None
        sent, received = self.tokens
        return self.price.cost(round(sent), round(received))


def estimate_calls(workspace: Workspace, todo: Mapping[str, int]) -> list[CallEstimate]:
    """Estimate the calls of stages; empty if the profile calls no model.

    Args:
        workspace: the checkout.
        todo: stage to the number of photos to compute.

    Raises:
        FactoryError: params.yaml or factory.toml is invalid.
    """
    params = load_params(workspace.root)
    base, mapping = cast(BaseParams, params["base"]), cast(MapParams, params["map"])
    several = mapping.variants // 2 if mapping.flaws_per_picture > 1 else 0
    units = {"photo": 1, "variant": mapping.variants, "picture": several}
    found: list[CallEstimate] = []
    for stage, photos in todo.items():
        built = build_stage(stage, params)
        for role in built.revisions():
            pictures = registry.example_pictures(role, base, built.params)
            for question, each in registry.questions(role, base).items():
                calls = photos * units[each]
                examples = pictures.get(question, 0)
                found.append(_estimate(workspace, base, stage, question, calls, examples))
    return [estimate for estimate in found if estimate.calls]


def _estimate(
    workspace: Workspace, base: BaseParams, stage: str, question: str, calls: int, pictures: int
) -> CallEstimate:
    """Estimate the calls of one question, each with `pictures` pictures of examples."""
    model, settings = registry.ledger_model(base), load_call_settings(workspace)
    path, tokens = workspace.calls / NAME, None
    if path.exists() and (means := Ledger(path, settings).averages(question, model.name)):
        # the mean may be that of calls with fewer examples
        more = max(0.0, pictures - means.example_pictures) * settings.image_tokens
        tokens = (calls * (means.sent + more), calls * means.returned)
    price = _FREE if model.free else settings.prices.get(model.name)
    return CallEstimate(stage, question, model.name, calls, calls * pictures, tokens, price)


def estimate_table(workspace: Workspace, estimates: list[CallEstimate]) -> Table:
    """Build a table with a row per question and the total in its caption."""
    table = Table(title="calls to models, at most", caption=escape(_summary(workspace, estimates)))
    numbers = ("calls", "example pictures", "tokens in", "tokens out", "money")
    for name in ("stage", "question", "model", *numbers):
        words = name in ("stage", "question", "model")
        table.add_column(name, justify="left" if words else "right")
    for item in estimates:
        sent, received = (
            (f"{n:.0f}" for n in item.tokens) if item.tokens else ("unknown", "unknown")
        )
        table.add_row(
            item.stage,
            item.question,
            escape(item.model),
            str(item.calls),
            str(item.example_pictures),
            sent,
            received,
            _money(item),
        )
    return table


def _money(item: CallEstimate) -> str:
    if item.price is None:
        return "unknown price"
    return "unknown" if item.money is None else f"{item.money:.4f}"


def _summary(workspace: Workspace, estimates: list[CallEstimate]) -> str:
    lines = [f"total {sum(item.money or 0.0 for item in estimates):.4f}"]
    if unmeasured := [item.question for item in estimates if item.tokens is None]:
        lines[0] += f" without {', '.join(unmeasured)}: tokens are known after the first calls"
    if unpriced := sorted({item.model for item in estimates if item.price is None}):
        lines = [f"unknown price: name {', '.join(unpriced)} in [calls] prices of factory.toml"]
    return "\n".join([*lines, describe_total(workspace)])
