"""distort: rearranges the inside of a part."""
