from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stages.ingest.near_duplicates import group_photos

CENTRES = st.sampled_from([0, 2**64 - 1, 0x0F1E2D3C4B5A6978])
FLIPS = st.sets(st.integers(0, 63), max_size=5) | st.sets(st.integers(0, 63))
# Few bits are flipped, so that neighbours within any distance, and equal hashes, are common.
HASHES = st.builds(lambda centre, bits: centre ^ sum(1 << b for b in bits), CENTRES, FLIPS)
LISTS = st.lists(HASHES, max_size=40)
DISTANCES = st.integers(0, 8) | st.integers(0, 64)


def group(hashes, distance):
    return group_photos(
        [str(i) for i in range(len(hashes))], [f"{h:016x}" for h in hashes], distance
    )


def group_plainly(hashes, distance):
    """Implement the rule again in a plain way."""
    found, leaders = {}, []
    for index, value in enumerate(hashes):
        near = [i for i in leaders if (hashes[i] ^ value).bit_count() <= distance]
        leaders += [] if near else [index]
        found[str(index)] = str(near[0] if near else index)
    return found


@settings(max_examples=300)
@given(LISTS, DISTANCES)
def test_groups_equal_the_plain_rule(hashes, distance):
    assert group(hashes, distance) == group_plainly(hashes, distance)


@given(LISTS, LISTS, DISTANCES)
def test_later_photos_change_no_earlier_group(hashes, more, distance):
    before, after = group(hashes, distance), group(hashes + more, distance)
    assert {key: after[key] for key in before} == before


@given(LISTS)
def test_distance_64_joins_all_and_distance_0_only_equal_hashes(hashes):
    assert set(group(hashes, 64).values()) <= {"0"}
    assert len(set(group(hashes, 0).values())) == len(set(hashes))


def test_distance_is_inclusive_and_groups_do_not_chain():
    hashes = [0, 0b111, 0b111111]
    assert group(hashes, 3) == {"0": "0", "1": "0", "2": "2"}
    assert group(hashes, 2) == {"0": "0", "1": "1", "2": "2"}


@pytest.mark.parametrize("distance", range(65))
def test_a_hash_that_agrees_on_one_band_only_is_found(distance):
    hashes = [0x0F1E2D3C4B5A6978] * 2
    bits = [64 * band // (distance + 1) for band in range(distance + 1)]
    for left_out in range(distance + 1):
        hashes[1] = hashes[0] ^ sum(1 << bit for bit in {*bits[:left_out], *bits[left_out + 1 :]})
        assert group(hashes, distance) == {"0": "0", "1": "0"}


def test_all_64_bits_count():
    assert group([0, 1 << 63, 2**64 - 1], 1) == {"0": "0", "1": "0", "2": "2"}


def test_bad_input_is_an_error():
    with pytest.raises(ValueError):
        group_photos(["a"], ["xyz"], 3)
    with pytest.raises(ValueError):
        group_photos(["a", "b"], ["0" * 16], 3)
