"""map: turns a scene into mappings, one integer vector per flaw (algorithm section 2)."""
