"""The stages that DVC runs, one folder each, and what they share: engine, records, models."""

STAGES = ("ingest", "perceive", "map", "invert", "inject", "filter", "explain", "package")
"""Names of the stages, in the order in which a photo passes through them."""
