import numpy as np
import pytest

from stages.records.source_index import source_index

GRID = (3, 4)


def test_source_index_is_identity_but_for_the_targets(variant):
    index = source_index(variant([5, 6], [1, 2]), GRID)
    assert index.tolist() == [0, 1, 2, 3, 4, 1, 2, 7, 8, 9, 10, 11]


@pytest.mark.parametrize(
    ("targets", "references"),
    [([], []), ([1], [2, 3]), ([1, 1], [2, 3]), ([12], [0]), ([0], [12]), ([-1], [0])],
    ids=["empty", "lengths", "doubled", "target outside", "reference outside", "negative"],
)
def test_mappings_that_do_not_fit_are_refused(variant, targets, references):
    with pytest.raises(ValueError, match=r"mapping|do not fit"):
        source_index(variant(targets, references), GRID)


def test_arrays_are_taken_as_lists_are(variant):
    class Pairs:
        targets, references = np.array([5, 6]), np.array([1, 2])

    assert (
        source_index(Pairs(), GRID).tolist() == source_index(variant([5, 6], [1, 2]), GRID).tolist()
    )
