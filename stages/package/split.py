"""Which split a photo belongs to: decided by its near-duplicate group, stable under growth."""

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
    def _whole(self) -> Ratios:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise refusal("train", self.train, "must make 1 with `validation` and `test`, not "
                          f"{total:g}")  # fmt: skip
        return self


def position(group: str) -> float:
    """A group's place in [0, 1): a hash of its name alone, so that no other photo and no seed
    moves it."""
    digest = hashlib.sha256(f"split\x1f{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def split_of(group: str, ratios: Ratios) -> str:
    """The split of a near-duplicate group."""
    place = position(group)
    if place < ratios.train:
        return "train"
    return "validation" if place < ratios.train + ratios.validation else "test"
