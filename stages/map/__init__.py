"""map: turns a scene into mappings, one integer vector a flaw (algorithm section 2)."""
