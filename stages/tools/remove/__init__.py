"""remove: replaces a part with its surroundings."""
