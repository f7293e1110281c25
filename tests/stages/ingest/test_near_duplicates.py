from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.ingest.near_duplicates import group_photos

# Few bits are set, so that neighbours within any distance are common.
HASHES = st.lists(st.integers(0, 63), max_size=4).map(lambda bits: sum({1 << b for b in bits}))
LISTS = st.lists(HASHES, max_size=40)


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


@given(LISTS, st.integers(0, 8))
def test_groups_equal_the_plain_rule(hashes, distance):
    assert group(hashes, distance) == group_plainly(hashes, distance)


@given(LISTS, LISTS, st.integers(0, 8))
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


def test_all_64_bits_count():
    assert group([0, 1 << 63, 2**64 - 1], 1) == {"0": "0", "1": "0", "2": "2"}


def test_bad_input_is_an_error():
    with pytest.raises(ValueError):
        group_photos(["a"], ["xyz"], 3)
    with pytest.raises(ValueError):
        group_photos(["a", "b"], ["0" * 16], 3)
