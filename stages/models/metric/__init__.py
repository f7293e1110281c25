"""Perceptual metrics: the back ends of the role metric."""
