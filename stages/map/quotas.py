"""Balance a block of photos: leave out variants so that no tool, entity or part has too large a
share.

The result depends on the block's variants only, not on their order.
"""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from stages.engine.section import PositiveShare, Section
from stages.records.seeding import seed_for
from stages.tools import Tool

Kind = Literal["tool", "entity", "part"]
KINDS: tuple[Kind, ...] = ("tool", "entity", "part")
Group = tuple[Kind, str]
"""A kind of quota and one of its values: ``("tool", "distort")``."""
_Cost = tuple[bool, bool, int, int]
_ROUNDING = 1e-9
"""Makes up for rounding where counts are compared with limits."""


def _find_tag(value: Any) -> str:
    return "each" if isinstance(value, dict) else "all"


_NotEmpty = Field(min_length=1)
ToolLimit = Annotated[
    Annotated[PositiveShare, Tag("all")]
    | Annotated[dict[Tool, PositiveShare], _NotEmpty, Tag("each")],
    Discriminator(_find_tag),
]
NameLimit = Annotated[
    Annotated[PositiveShare, Tag("all")]
    | Annotated[dict[str, PositiveShare], _NotEmpty, Tag("each")],
    Discriminator(_find_tag),
]


class Quotas(Section):
    """Maximum shares of a block's variants, rounded up to whole variants: one share for all values,
    or one per value (a value that is absent has no limit). 1.0 is no limit."""

    tool: ToolLimit = 1.0
    """Of each tool."""
    entity: NameLimit = 1.0
    """Of each entity name: ``person``, ``object`` ..."""
    part: NameLimit = 1.0
    """Of each part kind: ``eye``, ``hand`` ...; all parts known by position only are of kind
    ``part``."""
    min_kept: PositiveShare = 0.5
    """Minimum share of a block's variants to keep, even if limits are then exceeded."""

    def limit(self, group: Group) -> float:
        """Return the maximum share of a group."""
        kind, value = group
        limit: float | dict[str, float] = getattr(self, kind)
        return limit.get(value, 1.0) if isinstance(limit, dict) else limit

    def limits(self, groups: Collection[Group]) -> dict[Group, float]:
        """Return the groups whose share is limited, with their limits.

        If the limits of all groups of a kind add up to less than 1, no variants could meet them.
        They are then raised in proportion until they add up to 1: if only two tools are possible,
        each may have half; a single one may have everything.
        """
        found: dict[Group, float] = {}
        for kind in KINDS:
            limits = {group: self.limit(group) for group in sorted(groups) if group[0] == kind}
            total = min(1.0, sum(limits.values()))
            found |= {group: limit / total for group, limit in limits.items()}
        return {group: limit for group, limit in found.items() if limit < 1 - _ROUNDING}


@dataclass(frozen=True, order=True)
class Candidate:
    """A variant, as far as quotas are concerned."""

    key: str
    """The photo's key."""
    variant: str
    tool: str
    entity: str
    """Name of the entity."""
    part: str
    """Kind of the part."""
    positional: bool

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that the variant belongs to."""
        return ("tool", self.tool), ("entity", self.entity), ("part", self.part)


@dataclass(frozen=True)
class Selection:
    """The result for a block."""

    left_out: dict[Candidate, Group]
    """Variants to leave out, each with the group that had too large a share."""
    limits: dict[Group, float]
    """The limits that were applied."""
    counts: Mapping[Group, int]
    """Number of variants kept of each limited group."""
    kept: int
    """Number of variants kept."""


def select(candidates: Sequence[Candidate], quotas: Quotas, seed: int) -> Selection:
    """Choose the variants of a block to leave out.

    As long as groups exceed their limits, a variant of the one that does so by the largest factor
    is left out. Variants that can be kept without exceeding a limit are then taken back. With
    limits of one kind, no larger selection meets them.

    Stops when exactly `Quotas.min_kept` is left, even if limits are exceeded.
    """
    block = _Block(candidates, quotas, seed)
    minimum = math.ceil(quotas.min_kept * len(candidates) - _ROUNDING)
    left_out: dict[Candidate, Group] = {}
    while found := block.find_surplus():
        if block.kept <= minimum:
            return Selection(left_out, block.limits, block.counts, block.kept)
        group, candidate = found
        left_out[candidate] = group
        block.leave_out(candidate)
    while returning := [c for c in reversed(left_out) if block.take_back(c)]:
        for candidate in returning:
            del left_out[candidate]
    return Selection(left_out, block.limits, block.counts, block.kept)


@dataclass
class _Block:
    """The variants that are kept so far, with their counts by group and by photo."""

    candidates: Sequence[Candidate]
    quotas: Quotas
    seed: int
    limits: dict[Group, float] = field(init=False)
    """Limited groups and their limits."""
    kept: int = field(init=False)
    counts: Counter[Group] = field(init=False)
    of_photo: Counter[str] = field(init=False)
    queues: defaultdict[tuple[Group, ...], list[tuple[_Cost, Candidate]]] = field(init=False)
    """Candidates by the limited groups that they belong to, as heaps with the next one to leave out
    on top. An entry's cost may be out of date; a cost only ever grows."""

    def __post_init__(self) -> None:
        self.limits = self.quotas.limits({group for c in self.candidates for group in c.groups})
        self.kept = len(self.candidates)
        self.counts = Counter(g for c in self.candidates for g in self._limited(c))
        self.of_photo = Counter(candidate.key for candidate in self.candidates)
        self.queues = defaultdict(list)
        for candidate in self.candidates:
            entry = (self._cost(candidate), candidate)
            heapq.heappush(self.queues[self._limited(candidate)], entry)

    def _limited(self, candidate: Candidate) -> tuple[Group, ...]:
        return tuple(group for group in candidate.groups if group in self.limits)

    def _cost(self, candidate: Candidate) -> _Cost:
        """Return the cost of leaving a candidate out.

        A photo's last variant comes last. Of the others, parts known by position only come first,
        and of them those of the photo with the most variants left.
        """
        left = self.of_photo[candidate.key]
        order = seed_for(self.seed, candidate.key, candidate.variant, "quotas")
        return left == 1, not candidate.positional, -left, order

    def _demand(self, group: Group) -> float:
        """Return the number of variants of which the group has exactly its share."""
        return self.counts[group] / self.limits[group]

    def _allows(self, group: Group, count: int, kept: int) -> bool:
        """Return whether a group may have `count` of `kept` variants: its share, rounded up."""
        return count <= math.ceil(self.limits[group] * kept - _ROUNDING)

    def find_surplus(self) -> tuple[Group, Candidate] | None:
        """Return the group that exceeds its limit by the largest factor and its candidate to leave
        out; None if no group exceeds its limit.

        If only last variants of photos are left in that group, the next group that exceeds its
        limit is tried.
        """
        over = [g for g in self.limits if not self._allows(g, self.counts[g], self.kept)]
        found: list[tuple[Group, Candidate]] = []
        for group in sorted(over, key=lambda group: (-self._demand(group), group)):
            candidate = self._cheapest(group)
            if self.of_photo[candidate.key] > 1:
                return group, candidate
            found.append((group, candidate))
        return found[0] if found else None

    def _cheapest(self, group: Group) -> Candidate:
        """Return the group's candidate to leave out: preferably not a photo's last variant, and one
        whose groups together are the furthest above their limits or the closest to them."""
        found: list[tuple[tuple[bool, float, _Cost], Candidate]] = []
        for groups, queue in self.queues.items():
            if queue and group in groups:
                cost, candidate = self._update_top(queue)
                rank = (cost[0], -sum(map(self._demand, groups)), cost)
                found.append((rank, candidate))
        return min(found)[1]

    def _update_top(self, queue: list[tuple[_Cost, Candidate]]) -> tuple[_Cost, Candidate]:
        """Return the queue's candidate of least cost, now that photos have fewer variants."""
        while (top := queue[0]) != (entry := (self._cost(top[1]), top[1])):
            heapq.heapreplace(queue, entry)
        return top

    def leave_out(self, candidate: Candidate) -> None:
        """Leave out the candidate that `find_surplus` returned."""
        groups = self._limited(candidate)
        heapq.heappop(self.queues[groups])
        self.kept -= 1
        self.of_photo[candidate.key] -= 1
        self.counts.subtract(groups)

    def take_back(self, candidate: Candidate) -> bool:
        """Keep a candidate that was left out, if none of its groups then exceeds its limit; return
        whether it is kept."""
        groups = self._limited(candidate)
        if not all(self._allows(g, self.counts[g] + 1, self.kept + 1) for g in groups):
            return False
        self.kept += 1
        self.of_photo[candidate.key] += 1
        self.counts.update(groups)
        return True
