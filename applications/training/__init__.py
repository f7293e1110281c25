"""Training of inspectors on what the factory publishes, one folder each."""
