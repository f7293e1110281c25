import pytest
from pydantic import ValidationError

from stages.package.split import Ratios, group_position, split_of


def test_shares_approximate_the_ratios():
    names = [f"{n:016x}" for n in range(4000)]
    splits = [split_of(name, Ratios()) for name in names]
    assert 0.77 < splits.count("train") / 4000 < 0.83
    assert 0.08 < splits.count("validation") / 4000 < 0.12
    assert all(0 <= group_position(name) < 1 for name in names)


def test_extreme_ratios():
    assert split_of("a", Ratios(train=1, validation=0, test=0)) == "train"
    assert split_of("a", Ratios(train=0, validation=0, test=1)) == "test"


def test_ratios_must_sum_to_one():
    with pytest.raises(ValidationError, match="must make 1 with `validation` and `test`, not"):
        Ratios(train=0.5, validation=0.1, test=0.1)
