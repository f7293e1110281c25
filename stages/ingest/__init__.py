"""The way in: the source list of photos, and each photo decoded, cleaned and described."""
