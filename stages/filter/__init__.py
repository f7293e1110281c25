"""filter: keeps the variants whose flaw is visible and as intended, and rejects the others."""
