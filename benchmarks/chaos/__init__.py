"""Kill builds at random moments, resume them, and compare what they end with."""
