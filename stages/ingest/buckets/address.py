"""Tell a prefix of a bucket from a folder or list among the sources that a user names."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from stages.engine.storage.s3 import BUCKET_NAME, PROTOCOL
from stages.engine.workspace import FactoryError
from stages.ingest.buckets.names import find_fault

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class BucketPrefix:
    """The objects of a bucket whose names begin with ``prefix/``; all of them if it is empty."""

    bucket: str
    prefix: str = ""
    """Without slashes at its ends."""

    def __str__(self) -> str:
        return f"{PROTOCOL}{self.bucket}" + (f"/{self.prefix}" if self.prefix else "")

    @property
    def name(self) -> str:
        """Its last part, as the name of a folder."""
        return self.prefix.rpartition("/")[2] or self.bucket

    @property
    def start(self) -> str:
        """The beginning of the names of its objects."""
        return f"{self.prefix}/" if self.prefix else ""


SourceLocation = Path | BucketPrefix
"""A source of photos: a folder, a list of URLs or a prefix of a bucket."""


def parse_source(text: str) -> SourceLocation:
    """Parse a source that a user names: a path, or ``s3://BUCKET/PREFIX``.

    Raises:
        FactoryError: it is a URL of another form. The message does not repeat it: it may contain a
            password.
    """
    scheme = _SCHEME.match(text)
    if scheme is None:
        return Path(text)
    bucket, _, prefix = text[scheme.end() :].partition("/")
    prefix = prefix.strip("/")
    if scheme.group().lower() != PROTOCOL:
        raise FactoryError(
            f"a source that begins with {scheme.group()} is not supported: give a folder, "
            "a list of URLs or s3://BUCKET/PREFIX"
        )
    if not re.fullmatch(BUCKET_NAME, bucket):
        raise FactoryError(
            "a bucket is given as s3://BUCKET/PREFIX, without keys or passwords: these belong in "
            "the environment (AWS_ACCESS_KEY_ID ...) or in ~/.aws, the address of a server in "
            "AWS_ENDPOINT_URL"
        )
    if prefix and (fault := find_fault(prefix)):
        raise FactoryError(f"the prefix of s3://{bucket} {fault}: give s3://BUCKET/PREFIX")
    return BucketPrefix(bucket, prefix)
