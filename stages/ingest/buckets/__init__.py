"""Buckets as a source: what is fetched, and where it is kept (docs/buckets.md)."""
