"""Models behind small protocols: one folder per role, a registry of back ends, and profiles."""
