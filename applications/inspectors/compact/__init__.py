"""The compact inspector: a small network that finds flaws on a CPU."""
