"""Group photos that look the same, by greedy leader clustering of perceptual hashes.

The data set is split by group, so that near duplicates are never in different splits.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def group_photos(keys: Sequence[str], phashes: Sequence[str], distance: int) -> dict[str, str]:
    """Map each key to the leader of its group, for photos in source order.

    A photo joins the earliest leader whose hash differs in at most `distance` bits, else it leads a
    new group. Later photos therefore never change the group of an earlier one. Every member is
    within `distance` of its leader; two members may be twice as far apart, and photos that are
    close to each other but to different leaders are in different groups.

    Args:
        keys: unique photo keys.
        phashes: 64-bit hashes as 16 hex digits.
        distance: Hamming distance, 0 to 64.

    Raises:
        ValueError: lengths differ or a hash is not hexadecimal.
    """
    hashes = np.array([int(phash, 16) for phash in phashes], dtype=np.uint64)
    leader_hashes = np.empty(len(hashes), dtype=np.uint64)
    leader_keys: list[str] = []
    found: dict[str, str] = {}
    for key, phash in zip(keys, hashes, strict=True):
        count = len(leader_keys)
        near = np.bitwise_count(leader_hashes[:count] ^ phash) <= distance
        first = int(near.argmax()) if count else 0
        if count and near[first]:
            found[key] = leader_keys[first]
        else:
            leader_hashes[count] = phash
            leader_keys.append(key)
            found[key] = key
    return found
