from email.utils import formatdate

import pytest

from stages.models.chat import retries
from stages.models.chat.retries import MAX_BACKOFF, MAX_RETRY_AFTER, RequestFailed, TransientError


class Flaky:
    """Fails once per given Retry-After value, then succeeds."""

    def __init__(self, *delays):
        self.delays, self.calls = list(delays), 0

    def __call__(self):
        self.calls += 1
        if self.delays:
            raise TransientError("busy", self.delays.pop(0))
        return "done"


def test_delays_are_at_least_what_the_server_requests(clock):
    flaky = Flaky(7.0, 30.0)
    assert retries.call_with_retries(flaky, 5, clock.sleep) == "done"
    first, second = clock.slept
    assert 7.0 <= first <= 8.0 and 30.0 <= second <= 32.0


def test_the_back_off_grows_and_is_random(clock):
    for _ in range(30):
        retries.call_with_retries(Flaky(*[None] * 8), 9, clock.sleep)
    waits = [clock.slept[n::8] for n in range(8)]
    for n, found in enumerate(waits):
        assert max(found) <= min(2.0**n, MAX_BACKOFF)
    assert len(set(waits[5])) > 20
    assert sum(waits[5]) > sum(waits[1])


def test_the_number_of_attempts_is_limited(clock):
    flaky = Flaky(*[None] * 10)
    with pytest.raises(RequestFailed, match="busy"):
        retries.call_with_retries(flaky, 4, clock.sleep)
    assert flaky.calls == 4 and len(clock.slept) == 3


def test_a_long_retry_after_is_not_awaited(clock):
    flaky = Flaky(MAX_RETRY_AFTER + 1)
    with pytest.raises(RequestFailed):
        retries.call_with_retries(flaky, 4, clock.sleep)
    assert flaky.calls == 1 and clock.slept == []


def test_other_errors_pass_through_at_once(clock):
    with pytest.raises(ZeroDivisionError):
        retries.call_with_retries(lambda: 1 // 0, 4, clock.sleep)
    assert clock.slept == []


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("12", 12.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        (formatdate(1_000_030, usegmt=True), 30.0),
        (formatdate(999_000, usegmt=True), 0.0),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retries.retry_after({"retry-after": header}, 1_000_000.0) == seconds


def test_without_the_header_there_is_no_delay():
    assert retries.retry_after({}, 0.0) is None
