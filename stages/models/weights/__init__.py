"""Weights: where they come from, how they are pinned, whether they are there."""
