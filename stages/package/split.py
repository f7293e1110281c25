"""Choose a photo's split by its near-duplicate group, so that growth changes no split."""

from __future__ import annotations

import hashlib

from pydantic import model_validator

from stages.engine.section import Section, Share, refusal

SPLITS = ("train", "validation", "test")


class Ratios(Section):
    """Expected shares of the groups; they must sum to 1."""

    train: Share = 0.8
    validation: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _sum_to_one(self) -> Ratios:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise refusal("train", self.train, "must make 1 with `validation` and `test`, not "
                          f"{total:g}")  # fmt: skip
        return self


def group_position(group: str) -> float:
    """Return a group's position in [0, 1).

    It is a hash of the group's name alone, so that it does not depend on other photos or a seed.
    """
    digest = hashlib.sha256(f"split\x1f{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(group: str, ratios: Ratios) -> str:
    """Return the split of a near-duplicate group."""
    position = group_position(group)
    if position < ratios.train:
        return "train"
    return "validation" if position < ratios.train + ratios.validation else "test"
