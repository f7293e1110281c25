"""distort: a part whose inside is rearranged."""
