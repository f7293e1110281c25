"""fuse: two things or parts that run into each other."""
