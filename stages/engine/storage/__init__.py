"""Where results lie: store, shards, tables, the source list, digests of files."""
