"""add: a part and a copy of it beside it."""
