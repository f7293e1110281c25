"""The gallery: a static page of the packaged pairs and all rejects."""
