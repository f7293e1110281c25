"""A chat server, a ledger and a client that talks to the server; sleeping is simulated."""

import pytest
from chat_server import ChatServer

from stages.models.chat.cache import AnswerCache, CachedChat
from stages.models.chat.endpoint import OpenAIChat
from stages.models.chat.ledger import Ledger
from stages.models.chat.request import ChatRequest
from stages.models.chat.settings import CallSettings, Price

MODEL = "test-model"
PRICE = Price(input=10.0, output=100.0)
"""100 input and 10 output tokens, which the server reports, cost 0.002."""


class Clock:
    """A clock that advances only when `sleep` is called."""

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
        return CachedChat(
            make_chat(**options), cache, lambda r: ledger.record_hit(r.purpose, MODEL)
        )

    return make


@pytest.fixture
def question():
    """Makes a request with a number in its text."""

    def make(number=0, purpose="caption"):
        return ChatRequest(
            purpose=purpose, prompt="caption 1 abc", system="You describe.",
            user=f"What is in photo {number}?", images=(b"not really a png",), schema={},
        )  # fmt: skip

    return make
