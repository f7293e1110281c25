import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.models.chat.limits import (
    POLL,
    WINDOW,
    BudgetReached,
    Recent,
    compute_delay,
    fits_budget,
)
from stages.models.chat.settings import CallSettings

NOW = 1000.0


def recent(*ages, tokens=10):
    return [Recent(NOW - age, tokens) for age in ages]


def test_without_limits_a_request_is_sent_at_once():
    assert compute_delay(NOW, recent(3, 2, 1), 3, 10**9, CallSettings()) == 0


def test_open_requests_are_limited():
    settings = CallSettings(concurrency=2)
    assert compute_delay(NOW, [], 1, 1, settings) == 0
    assert compute_delay(NOW, [], 2, 1, settings) == POLL


def test_requests_per_minute_are_limited():
    settings = CallSettings(requests_per_minute=2)
    assert compute_delay(NOW, recent(50), 0, 1, settings) == 0
    assert compute_delay(NOW, recent(50, 20), 0, 1, settings) == pytest.approx(10)
    assert compute_delay(NOW, recent(61, 20), 0, 1, settings) == 0


def test_tokens_per_minute_are_limited():
    settings = CallSettings(tokens_per_minute=30)
    assert compute_delay(NOW, recent(50, 40), 0, 10, settings) == 0
    assert compute_delay(NOW, recent(50, 40), 0, 11, settings) == pytest.approx(10)
    assert compute_delay(NOW, recent(50, 40), 0, 25, settings) == pytest.approx(20)


def test_a_request_above_the_token_limit_is_sent_alone():
    settings = CallSettings(tokens_per_minute=30)
    assert compute_delay(NOW, recent(50), 0, 99, settings) == pytest.approx(10)
    assert compute_delay(NOW, [], 0, 99, settings) == 0


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(1, 5), st.integers(40, 90)
)
def test_no_minute_exceeds_the_limits(sizes, requests, tokens):
    settings = CallSettings(requests_per_minute=requests, tokens_per_minute=tokens)
    now, sent = 0.0, []
    for size in sizes:
        while (delay := compute_delay(now, sent, 0, size, settings)) > 0:
            now += delay
        sent.append(Recent(now, size))
    for call in sent:
        minute = [c for c in sent if call.started <= c.started < call.started + WINDOW]
        assert len(minute) <= requests
        assert sum(c.tokens for c in minute) <= tokens


def test_open_calls_count_against_the_budget():
    assert fits_budget("m", 1.0, 8.0, 1.0, 10.0)
    assert not fits_budget("m", 1.0, 8.0, 1.5, 10.0)
    with pytest.raises(BudgetReached, match="raise `budget`"):
        fits_budget("m", 1.0, 9.5, 0.0, 10.0)


def test_an_unknown_price_with_a_budget_is_an_error():
    assert fits_budget("m", None, 0.0, 0.0, None)
    with pytest.raises(BudgetReached, match="price of 'm' is unknown"):
        fits_budget("m", None, 0.0, 0.0, 10.0)
