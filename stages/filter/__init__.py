"""filter: keeps the variants whose flaw can be seen, refuses the rest with a reason."""
