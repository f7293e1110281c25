from __future__ import annotations

from pathlib import Path

import pytest

from stages.engine.workspace import FactoryError
from stages.ingest.buckets.address import BucketPrefix, parse_source


@pytest.mark.parametrize(
    ("text", "bucket", "prefix", "name"),
    [
        ("s3://my.bucket-1", "my.bucket-1", "", "my.bucket-1"),
        ("s3://bucket/", "bucket", "", "bucket"),
        ("S3://bucket/a b/ü/", "bucket", "a b/ü", "ü"),
    ],
)
def test_a_prefix_of_a_bucket(text, bucket, prefix, name):
    found = parse_source(text)
    assert found == BucketPrefix(bucket, prefix) and found.name == name
    assert parse_source(str(found)) == found


@pytest.mark.parametrize("text", ["photos", "/a/s3://b", "s3:/bucket/a", "C:/x", "./list.txt"])
def test_anything_else_is_a_path(text):
    assert parse_source(text) == Path(text)


@pytest.mark.parametrize(
    "text",
    [
        "s3://AKIASECRET:word/secret@bucket/photos",
        "s3://AKIASECRET:secret@bucket",
        "s3://",
        "s3:///secret",
        "s3://Secret/x",
        "s3://bucket/../secret",
        "s3://bucket/a//secret",
        "s3://bucket/a\nsecret",
        "https://user:secret@example.org/x",
        "gs://secret/x",
    ],
)
def test_other_urls_are_refused_and_not_repeated(text):
    with pytest.raises(FactoryError, match="giv") as refused:
        parse_source(text)
    assert "secret" not in str(refused.value).lower() and "\n" not in str(refused.value)
