"""What a build would ask of models and what that would cost, from what was measured before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from rich.markup import escape
from rich.table import Table

from flows.spending import total
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
    """One question of one stage."""

    stage: str
    question: str
    model: str
    calls: int
    """At most, answers that have to be mended not counted: one a photo, or one for each variant
    that `map` may draw. Answers that are kept, and variants that fall out before, cost nothing."""
    tokens: tuple[float, float] | None
    """Sent and returned, all calls together, at the mean of earlier calls; None before the first.
    """
    price: Price | None
    """None: unknown."""

    @property
    def money(self) -> float | None:
        """None where tokens or price are unknown."""
        if self.price is None or self.tokens is None:
            return None
        sent, came = self.tokens
        return self.price.of(round(sent), round(came))


def estimate_calls(workspace: Workspace, todo: Mapping[str, int]) -> list[CallEstimate]:
    """The questions that stages would ask of `todo` photos each; empty where no model is asked.

    Raises:
        FactoryError: params.yaml or factory.toml do not fit.
    """
    params = load_params(workspace.root)
    base, variants = cast(BaseParams, params["base"]), cast(MapParams, params["map"]).variants
    found: list[CallEstimate] = []
    for stage, photos in todo.items():
        for role in build_stage(stage, params).revisions():
            for question, each in registry.questions(role, base).items():
                calls = photos * (variants if each == "variant" else 1)
                found.append(_estimate(workspace, base, stage, question, calls))
    return [estimate for estimate in found if estimate.calls]


def _estimate(
    workspace: Workspace, base: BaseParams, stage: str, question: str, calls: int
) -> CallEstimate:
    asked, settings = registry.asked(base), load_call_settings(workspace)
    path, tokens = workspace.calls / NAME, None
    if path.exists() and (means := Ledger(path, settings).averages(question, asked.name)):
        tokens = (calls * means[0], calls * means[1])
    price = _FREE if asked.free else settings.prices.get(asked.name)
    return CallEstimate(stage, question, asked.name, calls, tokens, price)


def estimate_table(workspace: Workspace, estimates: list[CallEstimate]) -> Table:
    """A row a question, and what they come to."""
    table = Table(title="calls to models, at most", caption=escape(_summary(workspace, estimates)))
    for name in ("stage", "question", "model", "calls", "tokens in", "tokens out", "money"):
        words = name in ("stage", "question", "model")
        table.add_column(name, justify="left" if words else "right")
    for item in estimates:
        sent, came = (f"{n:.0f}" for n in item.tokens) if item.tokens else ("unknown", "unknown")
        table.add_row(
            item.stage, item.question, escape(item.model), str(item.calls), sent, came, _money(item)
        )  # fmt: skip
    return table


def _money(item: CallEstimate) -> str:
    if item.price is None:
        return "unknown price"
    return "unknown" if item.money is None else f"{item.money:.4f}"


def _summary(workspace: Workspace, estimates: list[CallEstimate]) -> str:
    lines = [f"together {sum(item.money or 0.0 for item in estimates):.4f}"]
    if unmeasured := [item.question for item in estimates if item.tokens is None]:
        lines[0] += f" without {', '.join(unmeasured)}: tokens are known after the first calls"
    if unpriced := sorted({item.model for item in estimates if item.price is None}):
        lines = [f"unknown price: name {', '.join(unpriced)} in [calls] prices of factory.toml"]
    return "\n".join([*lines, total(workspace)])
