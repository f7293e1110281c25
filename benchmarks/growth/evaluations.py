"""Count the evaluations of the back ends in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any

from benchmarks.chaos import nulls
from stages.models.explainer.grammar.explainer import GrammarExplainer

METHODS: dict[str, tuple[type, tuple[str, ...]]] = {
    "perceiver": (nulls.Halves, ("perceive",)),
    "flow: encode": (nulls.Still, ("encode",)),
    "flow: velocity": (nulls.Still, ("velocity",)),
    "flow: decode": (nulls.Still, ("decode_whole",)),
    "metric": (nulls.Constant, ("distance", "spatial")),
    "judge": (nulls.Lenient, ("judge",)),
    "explainer": (GrammarExplainer, ("explain", "compose")),
}
"""Name of a row to a class and the methods of which each call is an evaluation. Crops are decoded
through `decode_whole` too."""


@contextmanager
def counted() -> Iterator[Counter[str]]:
    """Count calls within the context, by the names of `METHODS`."""
    counts = Counter[str]()
    with _replaced(
        {
            (owner, method): _counting(counts, name, getattr(owner, method))
            for name, (owner, methods) in METHODS.items()
            for method in methods
        }
    ):
        yield counts


def _counting(counts: Counter[str], name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(method)
    def call(*values: Any, **more: Any) -> Any:
        counts[name] += 1
        return method(*values, **more)

    return call


@contextmanager
def _replaced(methods: dict[tuple[type, str], Callable[..., Any]]) -> Iterator[None]:
    before = {(owner, name): owner.__dict__[name] for owner, name in methods}
    try:
        for (owner, name), method in methods.items():
            setattr(owner, name, method)
        yield
    finally:
        for (owner, name), method in before.items():
            setattr(owner, name, method)
