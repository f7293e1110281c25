"""Measure how good the flaws look, on a fixed set of mappings: see README.md in this folder."""
