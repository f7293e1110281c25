"""Metrics as pure functions over arrays; each is tested against hand-worked cases."""
