"""fuse: blends two entities or parts into each other."""
