"""Which split a photo belongs to: decided by its near-duplicate group, stable under growth."""

from __future__ import annotations

import hashlib

from pydantic import BaseModel, ConfigDict, Field, model_validator

SPLITS = ("train", "validation", "test")


class Ratios(BaseModel):
    """Expected shares of the groups; they must sum to 1."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    train: float = Field(default=0.8, ge=0, le=1)
    validation: float = Field(default=0.1, ge=0, le=1)
    test: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _whole(self) -> Ratios:
        if abs(self.train + self.validation + self.test - 1) > 1e-9:
            raise ValueError("train, validation and test must sum to 1")
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
