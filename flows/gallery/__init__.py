"""The gallery: a static page over the packaged pairs and everything that fell out."""
