"""Section ``buckets`` of factory.toml: how much scans of buckets may fetch."""

from __future__ import annotations

from pydantic import Field

from stages.engine.section import Section
from stages.engine.settings import load_section
from stages.engine.workspace import Workspace


class BucketSettings(Section):
    """How much scans of buckets may fetch. The listing is compared with it before any download."""

    max_bytes: int = Field(default=64 << 20, ge=1, le=1 << 30)
    """Maximum size of one photo."""
    max_total_bytes: int = Field(default=100 << 30, ge=1, le=1 << 50)
    """Maximum number of bytes that one scan fetches."""
    max_objects: int = Field(default=1_000_000, ge=1, le=100_000_000)
    """Maximum number of photos and JSON files below one prefix."""
    timeout_seconds: float = Field(default=600.0, gt=0, le=86_400)
    """Maximum time for one object, from the request to the last byte."""
    concurrency: int = Field(default=8, ge=1, le=256)
    """Number of objects that are fetched at a time."""


def load_bucket_settings(workspace: Workspace) -> BucketSettings:
    """Read and check section ``buckets`` of a checkout's factory.toml.

    Raises:
        FactoryError: a key, value or the syntax is wrong, or the file cannot be read.
    """
    return load_section(workspace, BucketSettings, "buckets")
