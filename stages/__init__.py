"""What DVC runs: one folder a stage, in data order, all standing on engine and models."""

STAGES = ("ingest", "perceive", "map", "invert", "inject", "filter", "explain", "package")
"""The stages in the order in which a photo passes them."""
