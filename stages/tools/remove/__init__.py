"""remove: a part that is gone."""
