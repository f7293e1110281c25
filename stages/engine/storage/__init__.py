"""Storage of results: store, shards, tables, source list, digests of files."""
