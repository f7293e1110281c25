"""What the compact judge measures of a rendered flaw, and how it weighs it."""
