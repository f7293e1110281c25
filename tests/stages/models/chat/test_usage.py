from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import pytest

from stages.engine.stage import RejectForNow
from stages.models.captioner.vlm.captioner import PROMPT, CaptionAnswer
from stages.models.chat import prompts
from stages.models.chat.ask import Unusable, ask
from stages.models.chat.request import ChatAnswer
from stages.models.chat.usage import collect_calls

GOOD = '{"caption": "A dog."}'


def answer(text=GOOD, **usage):
    return ChatAnswer(text, "m-2026", **usage)


def caption(chat):
    return ask(chat, prompts.load(PROMPT), {}, [b"png"], CaptionAnswer)


def test_a_question_counts_its_requests_and_their_cost(scripted):
    chat = scripted(
        answer("no", input_tokens=10, output_tokens=2, cost=0.25),
        answer(input_tokens=20, output_tokens=3, cost=0.5),
    )
    with collect_calls() as calls:
        caption(chat)
    assert [call.model_dump() for call in calls] == [
        {
            "prompt": prompts.load(PROMPT).id, "model": "m-2026", "requests": 2,
            "input_tokens": 30, "output_tokens": 5, "cost": 0.75, "unpriced": 0,
        }
    ]  # fmt: skip


def test_a_price_that_is_not_known_is_not_counted_as_zero(scripted):
    with collect_calls() as calls:
        caption(scripted(answer()))
    assert (calls[0].requests, calls[0].cost, calls[0].unpriced) == (1, 0.0, 1)


def test_a_question_without_a_usable_answer_counts(scripted):
    with collect_calls() as calls, pytest.raises(Unusable):
        caption(scripted(answer("no", cost=1.0), answer("no", cost=1.0)))
    assert (calls[0].requests, calls[0].cost) == (2, 2.0)


def test_a_question_that_nobody_answered_does_not_count():
    class Away:
        name, identity = "m", {}

        def complete(self, request):
            raise RejectForNow("model_unavailable", "down")

    with collect_calls() as calls, pytest.raises(RejectForNow):
        caption(Away())
    assert calls == []


def test_the_innermost_block_of_a_thread_collects(scripted):
    chat = scripted(answer(), answer(), answer())

    def inside():
        with collect_calls() as calls:
            caption(chat)
        return calls

    with collect_calls() as outer:
        inner = inside()
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(inside).result()
        caption(chat)
    assert [len(outer), len(inner), len(other)] == [1, 1, 1]
    caption(scripted(answer()))
    assert len(outer) == 1


def test_the_cache_keeps_what_an_answer_cost():
    paid = answer(input_tokens=1, output_tokens=1, cost=0.5)
    assert ChatAnswer(**asdict(paid)) == paid
    old = {name: value for name, value in asdict(paid).items() if name != "cost"}
    assert ChatAnswer(**old).cost is None
