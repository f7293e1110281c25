"""A server with a bucket, and a checkout without photos."""

from __future__ import annotations

import pytest
import s3_server

from stages.engine.workspace import Workspace
from stages.ingest.buckets.address import BucketPrefix


@pytest.fixture(scope="module")
def server():
    with s3_server.serve() as address:
        yield address


@pytest.fixture
def workspace(tmp_path, monkeypatch):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    return Workspace(tmp_path)


class Place:
    """A prefix of its own for each test."""

    def __init__(self, name):
        self.address = BucketPrefix(s3_server.BUCKET, name)

    def put(self, key, data):
        s3_server.put(f"{self.address.prefix}/{key}", data)

    def remove(self, key):
        s3_server.remove(f"{self.address.prefix}/{key}")

    def fail(self, key, *statuses):
        """Let the next requests for an object fail."""
        s3_server.FAULTS[f"/{s3_server.BUCKET}/{self.address.prefix}/{key}"] = list(statuses)

    def fetched(self):
        """Return the keys of the objects that were sent since the last call."""
        start = f"GET /{s3_server.BUCKET}/{self.address.prefix}/"
        found = [r.removeprefix(start) for r in s3_server.REQUESTS if r.startswith(start)]
        s3_server.REQUESTS.clear()
        return sorted(found)


@pytest.fixture
def place(server, request):
    s3_server.REQUESTS.clear()
    yield Place(request.node.name)
    s3_server.FAULTS.clear()
