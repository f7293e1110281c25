"""What a later build changed, stage by stage."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.growth.factory import Build
from stages import STAGES


@dataclass(frozen=True)
class StageChange:
    """What a build changed of a stage's output, compared with an earlier build."""

    stage: str
    first: int
    """Photos that the earlier build computed."""
    computed: int
    same: int
    """Shards of the earlier build with the same bytes."""
    rewritten: list[str]
    """Shards of the earlier build with other bytes."""
    new: list[str]
    lost: list[str]
    """Shards of the earlier build that are no longer there."""
    stored_shards: int
    """Bytes of rewritten and new shards."""
    stored: int
    """Bytes that the stage added to DVC's cache: shards, tables, index."""
    bytes: int
    """Of the stage's output."""


def compare(earlier: Build, later: Build, first: Build | None = None) -> list[StageChange]:
    """Compare the outputs of two builds; `first` computed all photos (default: the earlier one)."""
    found = []
    for stage in STAGES:
        before, after = earlier.files[stage].shards, later.files[stage].shards
        rewritten = [name for name in before if name in after and before[name] != after[name]]
        new = [name for name in after if name not in before]
        sizes = later.files[stage].shard_bytes
        found.append(
            StageChange(
                stage,
                (first or earlier).computed[stage],
                later.computed.get(stage, 0),
                sum(after.get(name) == digest for name, digest in before.items()),
                rewritten,
                new,
                [name for name in before if name not in after],
                sum(sizes[name] for name in rewritten + new),
                later.cached.get(stage, 0),
                later.files[stage].bytes,
            )
        )
    return found
