from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.sources import ScanError
from stages.ingest.urls import listing
from stages.ingest.urls.listing import (
    is_url_list,
    parse_http_url,
    parse_url_list,
    read_url_list,
)
from stages.ingest.urls.problems import FetchProblem


def test_table_has_url_licence_and_origin(tmp_path):
    path = tmp_path / "list.csv"
    path.write_text(
        "﻿ID,URL,license,origin,author,title,sha256\n"
        "1,https://Example.org/ä b.jpg,,,,,\n"
        '2,"https://Example.org:443/a,b.jpg#top",CC-BY-4.0,https://example.org,Ada,"A\ttitle",\n'
        f"3,http://example.org/c.jpg,,,,,{'AB' * 32}\n\n",
        encoding="utf-8",
    )
    first, second, third = read_url_list(path)
    assert first.problem and "percent-encode" in first.problem.message
    assert second.url.url == "https://example.org:443/a,b.jpg"
    rights = second.rights
    assert (rights.licence, rights.origin) == ("CC-BY-4.0", "https://example.org")
    assert (rights.creator, rights.title) == ("Ada", "A title")
    assert third.sha256 == "ab" * 32


def test_text_has_a_url_a_line():
    listed = parse_url_list(b"# comment\nhttp://a.org/1\r\n\nhttp://a.org/\xc3\xbc\n", "", "x")
    assert [each.url.url for each in listed] == ["http://a.org/1", "http://a.org/%C3%BC"]


@pytest.mark.parametrize(
    "text",
    ["ftp://a.org/1", "file:///etc/passwd", "//a.org/1", "a.org/1", "http://", "http:///x",
     "http://u:p@a.org/", "http://a.org:99999/", "http://a.org:0/", "javascript:alert(1)",
     "http://a.org/a\nHost: b", "http://[::1", "http://a.org/" + "x" * 9000, "", "data:,x",
     "gopher://a.org", "http://a b.org/", "http://.", "http://..:80/"],
)  # fmt: skip
def test_what_is_no_http_url_is_refused(text):
    with pytest.raises(FetchProblem) as found:
        parse_http_url(text)
    assert found.value.code == "not_allowed"


@pytest.mark.parametrize(
    ("data", "separator", "words"),
    [(b"link\nhttp://a.org/\n", ",", "one of them 'url'"), (b"", ",", "one of them 'url'"),
     (b"url\n\xff\n", ",", "line 2: not UTF-8"), (b"\xff", "", "not UTF-8"),
     (b"url\n" + b"x" * 200_000, ",", "field larger than")],
)  # fmt: skip
def test_lists_that_cannot_be_read_are_named(data, separator, words):
    with pytest.raises(ScanError, match=words) as found:
        parse_url_list(data, separator, "list.csv")
    assert str(found.value).startswith("list.csv")


def test_lists_have_a_limit(monkeypatch):
    monkeypatch.setattr(listing, "MAX_URLS", 2)
    assert len(parse_url_list(b"http://a.org/1\n" * 2, "", "list")) == 2
    with pytest.raises(ScanError, match="list: has more than 2 URLs"):
        parse_url_list(b"http://a.org/1\n" * 3, "", "list")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("https://a.org/@me/b.jpg?id=3&X-Amz-Signature=9f&x-amz-security-token=a%2Fb#c",
      "https://a.org/@me/b.jpg?id=3&X-Amz-Signature=…&x-amz-security-token=…#c"),
     ("https://a.org/b?author=ada&monkey=1&key=s&sig=t&api_key=u&monkey",
      "https://a.org/b?author=ada&monkey=1&key=…&sig=…&api_key=…&monkey"),
     ("https://user:pass@a.org/b", "…@a.org/b"), ("https://user:pa/ss@a.org/b c", "…@a.org/b c")],
)  # fmt: skip
def test_secrets_are_not_shown(text, shown):
    (listed,) = parse_url_list(text.encode(), "", "list")
    assert listed.text == shown
    assert listed.problem or listed.url.url.startswith("https://a.org/")


def test_long_lines_cost_no_time():
    for text in (b"http://a.org/?" + b"?" * 3_000_000, b"//" * 2_000_000, b"?token" * 500_000):
        (listed,) = parse_url_list(text, "", "list")
        assert listed.problem and len(listed.text) <= listing.MAX_URL


@given(st.binary(max_size=300), st.sampled_from(["", ",", "\t"]))
def test_any_bytes_give_lines_or_an_error(data, separator):
    try:
        listed = parse_url_list(b"url,licence\n" + data, separator, "list")
    except ScanError:
        return
    for each in listed:
        assert (each.url is None) == (each.problem is not None)
        assert each.text.isprintable()


def test_a_list_is_recognised_by_its_suffix(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    assert is_url_list(tmp_path / "list.TSV") and not is_url_list(tmp_path / "folder.csv")
    assert not is_url_list(tmp_path / "photos")
