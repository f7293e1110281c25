import threading

import pytest

from stages.engine.stage import RejectForNow
from stages.models.chat.cache import AnswerCache, CachedChat
from stages.models.chat.request import ChatAnswer, Example


class Model:
    """Records the requests that it gets."""

    def __init__(self, name="m", error=None):
        self.name, self.identity, self.requests = name, {"name": name}, []
        self.error, self.started, self.proceed = error, threading.Event(), threading.Event()
        self.proceed.set()

    def complete(self, request):
        self.requests.append(request)
        self.started.set()
        self.proceed.wait(20)
        if self.error:
            raise self.error
        return ChatAnswer(f"answer {len(self.requests)}", "m-2026")


@pytest.fixture
def cache(tmp_path):
    return AnswerCache(tmp_path)


def test_the_same_question_is_sent_once(cache, question):
    model, hits = Model(), []
    chat = CachedChat(model, cache, hits.append)
    first = chat.complete(question(1))
    assert CachedChat(Model(), cache).complete(question(1)) == first
    assert chat.complete(question(1)) == first
    assert len(model.requests) == len(hits) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": "caption 1 abd"},
        {"system": "Describe!"},
        {"user": "?"},
        {"images": (b"another",)},
        {"schema": {"type": "object"}},
        {"examples": (Example("?", (b"one",), "{}"),)},
    ],
)
def test_everything_that_affects_the_answer_is_in_the_key(cache, question, other):
    from dataclasses import replace

    first = question(1)
    changed = replace(first, **other)
    assert first.digest({"name": "m"}) != changed.digest({"name": "m"})
    assert first.digest({"name": "m"}) != first.digest({"name": "n"})
    assert first.digest({"name": "m"}) != first.follow_up("no", "again").digest({"name": "m"})


@pytest.mark.parametrize(
    "other", [Example("??", (b"one",), "{}"), Example("?", (b"two",), "{}"),
              Example("?", (b"one",), "{ }")]
)  # fmt: skip
def test_all_of_an_example_is_in_the_key(question, other):
    from dataclasses import replace

    first = replace(question(1), examples=(Example("?", (b"one",), "{}"),))
    assert first.digest({}) != replace(first, examples=(other,)).digest({})


def test_the_purpose_is_not_in_the_key(question):
    assert question(1, "verdict").digest({}) == question(1, "caption").digest({})


def test_a_failure_is_not_cached_and_releases_the_lock(cache, question):
    broken = CachedChat(Model(error=RejectForNow("x", "down")), cache)
    with pytest.raises(RejectForNow):
        broken.complete(question(1))
    assert CachedChat(Model(), cache).complete(question(1)).text == "answer 1"


def test_concurrent_equal_requests_are_sent_once(cache, question):
    model = Model()
    model.proceed.clear()
    chats = [CachedChat(model, cache) for _ in range(2)]
    answers = []
    threads = [
        threading.Thread(target=lambda c=c: answers.append(c.complete(question(1)))) for c in chats
    ]
    threads[0].start()
    assert model.started.wait(60)
    threads[1].start()
    model.proceed.set()
    for thread in threads:
        thread.join()
    assert [a.text for a in answers] == ["answer 1"] * 2
    assert len(model.requests) == 1


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"answer": {"text": "x"}, "sha256": "0"}'])
def test_a_damaged_file_is_ignored(cache, question, damage):
    model = Model()
    chat = CachedChat(model, cache)
    chat.complete(question(1))
    cache.path(question(1).digest(model.identity)).write_bytes(damage)
    assert chat.complete(question(1)).text == "answer 2"
    assert chat.complete(question(1)).text == "answer 2"


def test_no_lock_is_left_behind(cache, question, tmp_path):
    CachedChat(Model(), cache).complete(question(1))
    assert [path.suffix for path in tmp_path.rglob("*") if path.is_file()] == [".json"]
