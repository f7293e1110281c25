"""Lists of URLs as a source: what may be fetched, how, and where it is kept (docs/urls.md)."""
