import numpy as np
import pytest

from stages.map.pairs import Pairs, source_index


def make(targets, references):
    return Pairs(np.array(targets, dtype=int), np.array(references, dtype=int), {})


def test_identity_elsewhere():
    assert source_index(make([1, 4], [0, 5]), 6).tolist() == [0, 0, 2, 3, 5, 5]


def test_no_targets_is_the_identity():
    assert source_index(make([], []), 3).tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("targets", "references", "message"),
    [([1, 1], [0, 2], "unique"), ([1], [0, 2], "one reference each"), ([6], [0], r"0\.\.5"),
     ([0], [-1], r"0\.\.5")],
)  # fmt: skip
def test_bad_pairs_are_errors(targets, references, message):
    with pytest.raises(ValueError, match=message):
        source_index(make(targets, references), 6)
