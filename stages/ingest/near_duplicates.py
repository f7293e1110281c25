"""Group photos that look the same, by greedy leader clustering of perceptual hashes.

The data set is split by group, so that near duplicates are never in different splits.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

_BITS = 64
_MAX_BANDS = 13
"""More bands are so narrow that searching them takes as long as comparing with all leaders."""


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
    hashes = [int(phash, 16) for phash in phashes]
    leaders = _Leaders(distance)
    leader_of: dict[int, str] = {}
    found: dict[str, str] = {}
    for key, phash in zip(keys, hashes, strict=True):
        # Equal hashes have the same leader: one that came between them is later.
        if phash not in leader_of:
            first = leaders.first_near(phash)
            if first is None:
                leaders.add(phash)
                leader_of[phash] = key
            else:
                leader_of[phash] = leader_of[first]
        found[key] = leader_of[phash]
    return found


class _Leaders:
    """The hashes of leaders, in order, indexed by bands of their bits.

    Two hashes that differ in at most d bits agree on at least one of d + 1 bands. A search
    therefore compares a hash only with those that agree with it on a band: of random hashes, at a
    distance of 6, one in 70. Where that would be more than all leaders, it compares with all.
    """

    def __init__(self, distance: int) -> None:
        self._distance = distance
        self._bands = [
            (low, (1 << (high - low)) - 1, defaultdict[int, bytearray](bytearray))
            for low, high in _divide(distance + 1)
        ]
        self._all = bytearray()
        self._numbers: dict[int, int] = {}

    def add(self, phash: int) -> None:
        """Add the hash of a leader, which no leader has yet."""
        self._numbers[phash] = len(self._numbers)
        for bucket in (self._all, *self._buckets(phash)):
            bucket += phash.to_bytes(8, "little")

    def first_near(self, phash: int) -> int | None:
        """Return the hash of the earliest leader within the distance; None if there is none."""
        buckets = self._buckets(phash)
        if not buckets or sum(map(len, buckets)) > len(self._all):
            buckets = [self._all]
        candidates = np.frombuffer(b"".join(buckets), dtype="<u8")
        differing = np.bitwise_count(candidates ^ np.uint64(phash))
        near = candidates[differing <= self._distance].tolist()
        return min(near, key=self._numbers.__getitem__, default=None)

    def _buckets(self, phash: int) -> list[bytearray]:
        """Return the hashes that agree with this one on a band, for each band."""
        return [buckets[phash >> low & mask] for low, mask, buckets in self._bands]


def _divide(count: int) -> list[tuple[int, int]]:
    """Return the first bit of each of `count` bands, and the one after its last; none if there
    would be too many."""
    if count > _MAX_BANDS:
        return []
    return [(_BITS * band // count, _BITS * (band + 1) // count) for band in range(count)]
