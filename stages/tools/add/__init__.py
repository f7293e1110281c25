"""add: duplicates a part beside itself."""
