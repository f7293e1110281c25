"""Collect which questions were asked while a photo was processed, and what the answers cost.

The ledger counts a checkout's requests; what is collected here goes into the documents and so into
the published records. It is taken from the answers, which the cache keeps with the price that was
paid, so that a replay gives the same records.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from stages.models.chat.request import ChatAnswer
from stages.records.documents import ModelCalls

_collected: ContextVar[list[ModelCalls] | None] = ContextVar("calls", default=None)


@contextmanager
def collect_calls() -> Iterator[list[ModelCalls]]:
    """Collect the questions that this thread asks in the block, also those without a usable answer.

    In nested blocks the innermost one collects. Questions of threads that are started in the block
    are not collected: open a block in the thread.
    """
    calls: list[ModelCalls] = []
    token = _collected.set(calls)
    try:
        yield calls
    finally:
        _collected.reset(token)


def note_answers(prompt: str, answers: Sequence[ChatAnswer]) -> None:
    """Add a question that took these answers to the calls that are collected, if any are.

    Args:
        prompt: id of the question's template.
        answers: in order; empty if there was none, and nothing is added.
    """
    calls = _collected.get()
    if calls is None or not answers:
        return
    prices = [answer.cost for answer in answers if answer.cost is not None]
    calls.append(
        ModelCalls(
            prompt=prompt,
            model=answers[-1].model,
            requests=len(answers),
            input_tokens=sum(answer.input_tokens or 0 for answer in answers),
            output_tokens=sum(answer.output_tokens or 0 for answer in answers),
            cost=sum(prices),
            unpriced=len(answers) - len(prices),
        )
    )
