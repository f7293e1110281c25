"""Add 1 % more photos to a data set, then withdraw one: what is computed, rewritten and stored."""
