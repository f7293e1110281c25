from __future__ import annotations

import pytest

from stages.engine.storage.s3 import S3, describe, map_ahead
from stages.engine.workspace import FactoryError


class Server:
    """Answers listings with prepared pages."""

    def __init__(self, *pages):
        self.pages, self.asked = list(pages), []

    def call_s3(self, method, **values):
        self.asked.append(values.get("StartAfter"))
        keys, more = self.pages.pop(0)
        contents = [{"Key": key, "Size": len(key), "ETag": f'"{key}"'} for key in keys]
        return {"Contents": contents or None, "IsTruncated": more}


@pytest.fixture
def client():
    return S3("s3://a/b")


def test_a_listing_is_read_page_by_page(client):
    client.files = Server((["a", "b"], True), (["c"], False))
    found = list(client.objects("bucket", ""))
    assert [(each.key, each.etag) for each in found] == [("a", "a"), ("b", "b"), ("c", "c")]
    assert client.files.asked == [None, "b"]


@pytest.mark.parametrize("page", [["a", "b"], []])
def test_a_server_that_repeats_itself_does_not_keep_a_listing_going(client, page):
    client.files = Server((["a", "b"], True), (page, True))
    with pytest.raises(FactoryError, match="repeats a page"):
        list(client.objects("bucket", ""))


def test_an_error_is_one_printable_line_without_passwords():
    text = describe(OSError("no http://user:pass@host/x\n\x1b[31m" + "x" * 1000))
    assert text.startswith("no http://host/x [31m") and len(text) == 300
    assert describe(ValueError()) == "ValueError"


def test_results_keep_the_order_of_the_items():
    assert list(map_ahead(str, range(50), 4)) == [str(n) for n in range(50)]
