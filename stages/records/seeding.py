"""Derives seeds from names, so that results do not depend on order, worker or resumption."""

from __future__ import annotations

import hashlib

import numpy as np


def seed_for(seed: int, *names: str | int) -> int:
    """Derive a 63-bit seed from the base seed and names (photo key, variant ...)."""
    text = "\x1f".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return NumPy's PCG64 generator, seeded by `seed_for`."""
    return np.random.Generator(np.random.PCG64(seed_for(seed, *names)))
