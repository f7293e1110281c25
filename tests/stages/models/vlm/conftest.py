"""A server of the test suite, a ledger and a chat that talks to it; nobody really sleeps."""

import json
from typing import ClassVar

import numpy as np
import pytest
from chat_server import ChatServer

from stages.engine.record import Variant, Window
from stages.engine.settings import CallSettings, Price
from stages.models.vlm.cache import AnswerCache, CachedChat
from stages.models.vlm.chat import ChatAnswer, ChatRequest
from stages.models.vlm.endpoint import OpenAIChat
from stages.models.vlm.ledger import Ledger

MODEL = "test-model"
PRICE = Price(input=10.0, output=100.0)
"""100 tokens in and 10 out, as the server counts, cost 0.002."""


class Clock:
    """Seconds that pass only when somebody sleeps."""

    def __init__(self):
        self.now, self.slept = 1_000_000.0, []

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server():
    with ChatServer() as running:
        yield running


@pytest.fixture
def make_ledger(tmp_path, clock):
    def make(**settings):
        settings = {"prices": {MODEL: PRICE}, "timeout_seconds": 20.0, **settings}
        return Ledger(tmp_path / "ledger.sqlite", CallSettings(**settings), clock)

    return make


@pytest.fixture
def make_chat(server, make_ledger, clock):
    def make(key="", structured="json_schema", parameters=None, **settings):
        ledger = make_ledger(**settings)
        return OpenAIChat(MODEL, server.url, ledger, key, structured, parameters, clock.sleep)

    return make


@pytest.fixture
def make_cached(make_chat, make_ledger, tmp_path):
    def make(**options):
        ledger = make_ledger()
        cache = AnswerCache(tmp_path / "answers")
        return CachedChat(make_chat(**options), cache, lambda r: ledger.kept(r.purpose, MODEL))

    return make


@pytest.fixture
def question():
    """A request with a number of its own."""

    def make(number=0, purpose="caption"):
        return ChatRequest(
            purpose=purpose, prompt="caption 1 abc", system="You describe.",
            user=f"What is in photo {number}?", images=(b"not really a png",), schema={},
        )  # fmt: skip

    return make


class Scripted:
    """A chat model that says what it is given, in order; dicts become JSON."""

    name = "scripted"
    identity: ClassVar[dict[str, str]] = {"name": "scripted"}

    def __init__(self, *answers):
        self.answers, self.requests = list(answers), []

    def complete(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, ChatAnswer):
            return answer
        return ChatAnswer(answer if isinstance(answer, str) else json.dumps(answer), "scripted-1")


@pytest.fixture
def scripted():
    return Scripted


@pytest.fixture
def photo():
    return np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)


@pytest.fixture
def window():
    """Half of the photo at the model's size: 5 x 5 tokens of 16 px."""
    return Window(id="w0", box=(40, 20, 120, 100), size=(80, 80), parts=["e0.p0"])


@pytest.fixture
def variant():
    """A flaw on the two tokens right of the middle of the window."""

    def make(tool="add", **more):
        facts = {"direction": "below"} if tool == "add" else {}
        values = {
            "id": "v0", "window": "w0", "tool": tool, "kernel": "ring", "entity": "e0",
            "entity_name": "dog", "part": "e0.p0", "part_name": "left ear", "part_kind": "ear",
            "positional": False, "seed": 1, "targets": [12, 13], "references": [10, 11],
            "facts": facts, **more,
        }  # fmt: skip
        return Variant(**values)

    return make
