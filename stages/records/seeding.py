"""Seeds from names, so that order, worker and resume change nothing."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(seed: int, *names: str | int) -> int:
    """A 63-bit seed from the base seed and the names of what is drawn (photo key, variant ...)."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """NumPy's PCG64 seeded by `seed_for`."""
    return np.random.Generator(np.random.PCG64(seed_for(seed, *names)))
