"""Scan folders into the source list, and decode, clean and describe each photo of the list."""
