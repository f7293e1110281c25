import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.models.chat.limits import FULL, WINDOW, BudgetReached, Recent, affordable, wait
from stages.models.chat.settings import CallSettings

NOW = 1000.0


def recent(*ages, tokens=10):
    return [Recent(NOW - age, tokens) for age in ages]


def test_without_bounds_a_request_goes_at_once():
    assert wait(NOW, recent(3, 2, 1), 3, 10**9, CallSettings()) == 0


def test_at_most_so_many_are_under_way():
    settings = CallSettings(concurrency=2)
    assert wait(NOW, [], 1, 1, settings) == 0
    assert wait(NOW, [], 2, 1, settings) == FULL


def test_a_request_waits_until_the_minute_has_room():
    settings = CallSettings(requests_per_minute=2)
    assert wait(NOW, recent(50), 0, 1, settings) == 0
    assert wait(NOW, recent(50, 20), 0, 1, settings) == pytest.approx(10)
    assert wait(NOW, recent(61, 20), 0, 1, settings) == 0


def test_tokens_count_as_well():
    settings = CallSettings(tokens_per_minute=30)
    assert wait(NOW, recent(50, 40), 0, 10, settings) == 0
    assert wait(NOW, recent(50, 40), 0, 11, settings) == pytest.approx(10)
    assert wait(NOW, recent(50, 40), 0, 25, settings) == pytest.approx(20)


def test_a_request_larger_than_the_bound_goes_when_nothing_else_does():
    settings = CallSettings(tokens_per_minute=30)
    assert wait(NOW, recent(50), 0, 99, settings) == pytest.approx(10)
    assert wait(NOW, [], 0, 99, settings) == 0


@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=40), st.integers(1, 5), st.integers(40, 90)
)
def test_no_minute_ever_has_more_than_the_bounds(sizes, requests, tokens):
    settings = CallSettings(requests_per_minute=requests, tokens_per_minute=tokens)
    now, sent = 0.0, []
    for size in sizes:
        while (delay := wait(now, sent, 0, size, settings)) > 0:
            now += delay
        sent.append(Recent(now, size))
    for call in sent:
        minute = [c for c in sent if call.started <= c.started < call.started + WINDOW]
        assert len(minute) <= requests
        assert sum(c.tokens for c in minute) <= tokens


def test_the_budget_is_not_passed_even_by_calls_under_way():
    assert affordable("m", 1.0, 8.0, 1.0, 10.0)
    assert not affordable("m", 1.0, 8.0, 1.5, 10.0)
    with pytest.raises(BudgetReached, match="raise `budget`"):
        affordable("m", 1.0, 9.5, 0.0, 10.0)


def test_an_unknown_price_and_a_budget_do_not_go_together():
    assert affordable("m", None, 0.0, 0.0, None)
    with pytest.raises(BudgetReached, match="price of 'm' is unknown"):
        affordable("m", None, 0.0, 0.0, 10.0)
