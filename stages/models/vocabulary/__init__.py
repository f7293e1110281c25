"""Names of entities and parts to look for: the back ends of the role vocabulary."""
