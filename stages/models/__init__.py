"""Back ends behind small protocols: one file a model, a registry from names to factories."""
