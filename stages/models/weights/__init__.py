"""Weights: pins, downloads and checks of what is on disk."""
