"""Evaluate a perceiver: predictions against photos labelled by hand."""
