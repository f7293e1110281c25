import logging
import threading
from dataclasses import replace

import pytest

from stages.engine.stage import RejectForNow
from stages.engine.workspace import FactoryError
from stages.models.chat.endpoint import MAX_FAILURES, OpenAIChat, is_loopback
from stages.models.chat.limits import BudgetReached
from stages.models.chat.request import Example

KEY = "sk-planted-0123456789"


def test_request_and_answer(server, make_chat, question):
    answer = make_chat(parameters={"temperature": 0.5, "top_k": 3}).complete(question(1))
    assert "dog" in answer.text and answer.model == "test-model"
    assert (answer.input_tokens, answer.output_tokens) == (100, 10)
    (seen,) = server.requests
    assert seen.body["model"] == "test-model" and seen.body["max_completion_tokens"] == 1024
    assert (seen.body["temperature"], seen.body["top_k"]) == (0.5, 3)
    assert [m["role"] for m in seen.body["messages"]] == ["system", "user"]
    assert seen.texts == ["You describe.", "What is in photo 1?"]
    assert seen.body["response_format"]["json_schema"]["strict"] is True


@pytest.mark.parametrize("structured", ["json_object", "prompt"])
def test_the_schema_is_in_the_text_if_the_server_does_not_support_it(
    server, make_chat, question, structured
):
    server.always = None
    server.respond_next(content="{}")
    make_chat(structured=structured).complete(question(1))
    (seen,) = server.requests
    assert "fits this JSON schema" in seen.texts[0]
    kind = seen.body.get("response_format")
    assert kind == ({"type": "json_object"} if structured == "json_object" else None)


def test_previous_turns_are_sent(server, make_chat, question):
    make_chat().complete(question(1).follow_up("", "that was empty"))
    assert server.requests[0].texts[2:] == ["(nothing)", "that was empty"]
    roles = [message["role"] for message in server.requests[0].body["messages"]]
    assert roles == ["system", "user", "assistant", "user"]


def test_examples_are_sent_as_earlier_questions_with_their_answers(server, make_chat, question):
    example = Example("What is in photo 0?", (b"one", b"two"), '{"caption": "A cat."}')
    asked = replace(question(1), examples=(example, example)).follow_up("no", "again")
    chat = make_chat()
    chat.complete(asked)
    (seen,) = server.requests
    roles = [message["role"] for message in seen.body["messages"]]
    assert roles == ["system", *["user", "assistant"] * 3, "user"]
    kinds = [[part["type"] for part in m["content"]] for m in seen.body["messages"]]
    assert kinds[1] == kinds[3] == ["image_url", "image_url", "text"]
    assert seen.texts[1:3] == ["What is in photo 0?", '{"caption": "A cat."}']
    assert seen.texts[5:] == ["What is in photo 1?", "no", "again"]
    assert chat._ledger.averages("caption", "test-model").example_pictures == 4
    plain = replace(asked, examples=())
    assert chat._estimate(asked) >= chat._estimate(plain) + 4 * chat.settings.image_tokens


def test_refused_requests_are_retried_after_the_requested_delay(server, make_chat, question, clock):
    server.respond_next(status=429, headers={"Retry-After": "7"})
    server.respond_next(status=503, headers={"Retry-After": "11"})
    chat = make_chat()
    chat.complete(question(1))
    assert server.count == 3
    assert 7 <= clock.slept[0] <= 8 and 11 <= clock.slept[1] <= 13
    (account,) = chat._ledger.accounts()
    assert (account.sent, account.refused, account.lost) == (3, 2, 0)
    assert account.money == pytest.approx(0.002)


@pytest.mark.parametrize(
    "act",
    [{"status": 500}, {"cut": True}, {"body": b"<html>"}, {"body": b'{"choices": []}'}],
    ids=["server error", "cut connection", "no JSON", "no choices"],
)
def test_transient_failures_are_retried(server, make_chat, question, act):
    server.respond_next(**act)
    assert "dog" in make_chat().complete(question(1)).text
    assert server.count == 2


def test_a_request_that_times_out_is_retried(server, make_chat, question):
    server.respond_next(hold=True)
    chat = make_chat(timeout_seconds=0.5)
    assert "dog" in chat.complete(question(1)).text
    (account,) = chat._ledger.accounts()
    # On a busy machine the second answer may be late too.
    assert account.sent == account.lost + 1 >= 2
    assert account.money > 0.002  # the lost call counts with its maximum cost


def test_the_photo_is_left_for_the_next_build_after_all_attempts(server, make_chat, question):
    for _ in range(3):
        server.respond_next(status=500)
    chat = make_chat(attempts=3)
    with pytest.raises(RejectForNow) as caught:
        chat.complete(question(1))
    assert caught.value.code == "model_unavailable" and "HTTP 500" in caught.value.message
    assert server.count == 3
    assert "dog" in chat.complete(question(1)).text


def test_a_wrong_request_is_not_retried(server, make_chat, question):
    server.respond_next(status=400, content="context too long")
    with pytest.raises(RejectForNow, match="context too long"):
        make_chat().complete(question(1))
    assert server.count == 1


def test_a_filtered_request_is_a_refusal(server, make_chat, question):
    server.respond_next(status=400, content="unsafe", refusal="content_policy_violation")
    assert "unsafe" in make_chat().complete(question(1)).refusal
    server.respond_next(finish="content_filter", content="")
    assert make_chat().complete(question(1)).refusal


@pytest.mark.parametrize(
    ("act", "message"),
    [
        ({"status": 401}, "refuses the key"),
        ({"status": 404}, "no such model"),
        ({"status": 429, "refusal": "insufficient_quota"}, "no credit left"),
    ],
)
def test_permanent_failures_end_the_build(server, make_chat, question, act, message):
    server.respond_next(**act)
    with pytest.raises(FactoryError, match=message):
        make_chat().complete(question(1))
    assert server.count == 1


def test_consecutive_failures_end_the_build(server, make_chat, question):
    from chat_server import Response

    server.always = Response(status=500)
    chat = make_chat(attempts=1)
    for number in range(MAX_FAILURES - 1):
        with pytest.raises(RejectForNow):
            chat.complete(question(number))
    with pytest.raises(FactoryError, match="5 times in a row"):
        chat.complete(question(99))


def test_open_requests_do_not_exceed_the_limit(server, make_chat, question, clock):
    import time

    chat = make_chat(concurrency=2)
    chat._sleep = lambda seconds: time.sleep(0.002)
    threads = [threading.Thread(target=chat.complete, args=(question(n),)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.count == 12 and server.max_in_flight <= 2


def test_requests_per_minute_do_not_exceed_the_limit(server, make_chat, question, clock):
    chat, start = make_chat(requests_per_minute=3), clock()
    for number in range(7):
        chat.complete(question(number))
    assert clock() - start >= 120 and server.count == 7


def test_the_budget_ends_the_build_before_it_is_exceeded(server, make_chat, question):
    chat = make_chat(budget=0.2)
    with pytest.raises(BudgetReached, match=r"the budget of 0\.2 is reached"):
        for number in range(200):
            chat.complete(question(number))
    (account,) = chat._ledger.accounts()
    assert 0.05 < account.money <= 0.2
    assert account.sent == server.count


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("localhost:8000", "no http address"),
        ("file:///etc/passwd", "no http address"),
        ("https://user:pass@host/v1", "must hold no key"),
        ("https://host/v1?key=abc", "must hold no key"),
    ],
)
def test_an_address_is_http_and_holds_no_key(make_ledger, url, message):
    with pytest.raises(FactoryError, match=message):
        OpenAIChat("m", url, make_ledger())


def test_a_missing_key_names_its_variable(make_chat, monkeypatch):
    monkeypatch.delenv("SOME_KEY", raising=False)
    with pytest.raises(FactoryError, match="environment variable SOME_KEY"):
        make_chat(key="SOME_KEY")


def test_a_key_given_instead_of_a_variable_is_not_printed(make_chat):
    with pytest.raises(FactoryError, match="name of an environment variable") as caught:
        make_chat(key=KEY)
    assert KEY not in str(caught.value)


def test_parameters_cannot_override_the_request(make_chat):
    with pytest.raises(FactoryError, match="messages, model"):
        make_chat(parameters={"model": "other", "messages": []})


def test_keys_of_other_providers_are_not_sent(server, make_chat, question, monkeypatch):
    for name in ("OPENAI_API_KEY", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, KEY)
    make_chat().complete(question(1))
    assert KEY not in str(server.requests[0].headers)


def test_the_key_reaches_only_the_server(
    server, make_cached, question, monkeypatch, tmp_path, caplog, capfd
):
    monkeypatch.setenv("SOME_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    echo = f"you sent Bearer {KEY}"
    server.respond_next(status=500, content=echo)
    server.respond_next(content=echo)
    server.respond_next(refusal=echo)
    chat = make_cached(key="SOME_KEY")
    said = [chat.complete(question(n)) for n in range(2)]
    server.respond_next(status=400, content=echo)
    server.respond_next(status=401, content=echo)
    for number, error in ((2, RejectForNow), (3, FactoryError)):
        with pytest.raises(error) as caught:
            chat.complete(question(number))
        said.append(caught.getrepr(chain=True, showlocals=False))
        said.append(str(vars(caught.value)))
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert "[key]" in str(said[0].text) and "[key]" in said[1].refusal
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) > 2 and not any(KEY.encode() in path.read_bytes() for path in written)
    out = capfd.readouterr()
    assert caplog.text
    assert KEY not in f"{caplog.text}{out.out}{out.err}{list(map(str, said))}"


def test_no_proxy_is_used_for_a_server_on_this_machine(server, make_chat, question, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    assert make_chat().complete(question(1)).text


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("http://127.0.0.1:8000/v1", True),
        ("http://[::1]:8000/v1", True),
        ("http://localhost/v1", True),
        ("https://api.example.org/v1", False),
        ("http://10.0.0.1/v1", False),
    ],
)
def test_is_loopback(address, expected):
    assert is_loopback(address) is expected
