from __future__ import annotations

import tracemalloc

import pytest

from stages.ingest.urls.optout import MAX_DELAY, Rules, find_reservation


@pytest.mark.parametrize(
    ("values", "reserved"),
    [(["noai"], True), (["noindex, NoImageAI"], True), (["nofollow", "noai"], True),
     (["flawfactory: noai"], True), (["*: noimageai"], True), (["otherbot: noai"], False),
     (["noindex"], False), (["max-snippet: 5, noai"], True), ([""], False),
     (["unavailable_after: 25 Jun 2030 15:00:00 GMT"], False), (["noairline"], False)],
)  # fmt: skip
def test_x_robots_tag(values, reserved):
    assert bool(find_reservation({"x-robots-tag": values})) == reserved


def test_tdm_reservation():
    assert find_reservation({"tdm-reservation": ["1"]}) == "TDM-Reservation: 1"
    assert find_reservation({"tdm-reservation": ["0"], "content-type": ["image/png"]}) is None


def test_robots_txt_by_rfc_9309():
    rules = Rules("User-agent: *\nDisallow: /\n\nUser-agent: FlawFactory\nDisallow: /*.png$\n")
    assert rules.allows("http://a.org/a.jpg") and not rules.allows("http://a.org/a.png")
    assert not Rules("User-agent: *\nDisallow: /").allows("http://a.org/a.jpg")
    longest = Rules("User-agent: *\nDisallow: /a\nAllow: /a/b\n")
    assert longest.allows("http://a.org/a/b.jpg") and not longest.allows("http://a.org/a/c.jpg")


def test_groups_of_many_robots_count_once():
    """protego alone would keep each rule for each of the robots: a million here."""
    names = "".join(f"User-agent: robot{n}\nuser  agent r{n}*\n" for n in range(500))
    rules = "".join(f"Disallow: /{n}\n" for n in range(1000))
    tracemalloc.start()
    try:
        text = f"{names}USER-AGENT FlawFactory # here\nuseragent:other\n{rules}"
        parsed = Rules(f"{text}\nUser-agent: *\nDisallow: /\n")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert not parsed.allows("http://a.org/7") and parsed.allows("http://a.org/a")
    assert peak < 10_000_000


def test_rules_of_other_robots_are_not_ours():
    rules = Rules("User-agent: a\nDisallow: /\nUser-agent: b\nUser-agent: *\nDisallow: /c\n")
    assert rules.allows("http://a.org/a") and not rules.allows("http://a.org/c")


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert not Rules("\ufeffUser-agent: *\nDisallow: /\n").allows("http://a.org/a")


def test_crawl_delay_is_honoured_within_reason():
    assert Rules("User-agent: *\nCrawl-delay: 7").delay == 7
    assert Rules("User-agent: *\nCrawl-delay: 999999").delay == MAX_DELAY
    assert Rules().delay == 0


def test_anything_is_parsed_as_robots_txt():
    assert Rules("\0\x1b<html>\nDisallow\n: : :\nUser-agent:\nCrawl-delay: x").allows(
        "http://a.org/"
    )
