"""Find entities and their parts: the back ends of the role perceiver."""
