"""What an attention layer does to its queries, keys and values (algorithm section 4).

Three ways, one contract: `apply` takes a block's projections, text tokens first, and returns what
attention is computed from. `Recorder` is the source branch of sparse injection, `Dense` injects
into whole grids of tokens, `Sparse` into the active tokens alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

Rotary = tuple[torch.Tensor, torch.Tensor]
"""cos and sin, (S, D) for all samples alike or (B, S, D) for each its own, float32."""

Projections = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Query, key, value, each (B, S, H, D); S = text + image tokens."""


@dataclass(frozen=True)
class Blocks:
    """Which blocks inject, numbered with the double-stream blocks first."""

    positions: frozenset[int]
    values: frozenset[int]


class Injection(Protocol):
    """Travels through the transformer in ``joint_attention_kwargs``."""

    def touches(self, block: int) -> bool:
        """Whether `apply` must see this block; where not, the stock layer runs."""
        ...

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """Rotated query and key and the value to attend with; `rotary` is the stock (S, D)."""
        ...


def gather_rotary(rotary: Rotary, index: torch.Tensor) -> Rotary:
    """pe' = pe[index]: (S, D) cos and sin to (B, M, D) by (B, M) indices into S."""
    return rotary[0][index], rotary[1][index]


def with_text(index: torch.Tensor, text: int) -> torch.Tensor:
    """(B, N) indices over image tokens to (B, text + N) over the whole sequence; text stays."""
    keep = torch.arange(text, device=index.device).expand(len(index), text)
    return torch.cat([keep, index + text], dim=1)


def rotate(x: torch.Tensor, rotary: Rotary) -> torch.Tensor:
    """Rotary embedding of x (B, S, H, D) in float32."""
    cos, sin = (part.to(x.device) for part in rotary)
    if cos.ndim == 2:
        cos, sin = cos[None], sin[None]
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    quarter_turn = torch.stack([-odd, even], dim=-1).flatten(-2)
    return (x.float() * cos[:, :, None] + quarter_turn.float() * sin[:, :, None]).to(x.dtype)


@dataclass
class Recorder:
    """The source branch: injects nothing and keeps every block's rotated keys and its values."""

    keys: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])
    """Block to (1, S, H, D)."""
    values: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])

    def touches(self, block: int) -> bool:
        """Every block is kept."""
        return True

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """What the stock layer does."""
        query, key, value = projections
        self.keys[block], self.values[block] = rotate(key, rotary), value
        return rotate(query, rotary), self.keys[block], value


@dataclass(frozen=True)
class Dense:
    """A batch of whole grids; item 0 is the source branch."""

    source_index: torch.Tensor
    """(B, N) int64: per sample the image token each image token takes after; identity = itself."""
    blocks: Blocks
    rotary: Rotary | None
    """(B, S, D), gathered; None where no sample injects positions."""
    values_on: torch.Tensor | None
    """(B,) bool: samples that inject values; None = all of them."""

    def touches(self, block: int) -> bool:
        """Position and value blocks."""
        return (self.rotary is not None and block in self.blocks.positions) or (
            block in self.blocks.values
        )

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """pe' = pe[source_index]; v' = v_source[source_index]."""
        query, key, value = projections
        if self.rotary is not None and block in self.blocks.positions:
            rotary = self.rotary
        if block in self.blocks.values:
            value = stream_values(value, self.source_index, self.values_on)
        return rotate(query, rotary), rotate(key, rotary), value


@dataclass(frozen=True)
class Sparse:
    """A batch of active tokens alone, against the source branch's keys and values.

    Queries, MLP and outputs are computed for the active tokens, and for the text where it is
    `own`; all else is what the source branch had at this evaluation.
    """

    memory: Recorder
    places: torch.Tensor
    """(B, M) int64 into the sequence of S tokens: what is computed here. S itself pads: what is
    computed there reaches nobody."""
    sources: torch.Tensor
    """(B, M) int64 into the sequence: the token that each one takes after."""
    blocks: Blocks
    rotary: Rotary
    """(B, M, D): the tokens' own positions."""
    injected: Rotary | None
    """(B, M, D): pe[source] for the samples that inject positions; None where none does."""
    values_on: torch.Tensor | None
    """(B,) bool: samples that inject values; None = all of them."""

    def touches(self, block: int) -> bool:
        """Every block attends to the memory."""
        return True

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """Query (B, M, H, D) of what is computed; key and value (B, S, H, D) of everything."""
        query, key, value = projections
        own = self.rotary
        if self.injected is not None and block in self.blocks.positions:
            own = self.injected
        keys, values = self.memory.keys[block], self.memory.values[block]
        if block in self.blocks.values:
            value = _choose(self.values_on, values[0][self.sources], value)
        key = rotate(key, own)
        return rotate(query, own), _put(keys, self.places, key), _put(values, self.places, value)


def stream_values(
    value: torch.Tensor, source_index: torch.Tensor, values_on: torch.Tensor | None = None
) -> torch.Tensor:
    """v'[b, k] = v[0, source_index[b, k]] on image tokens; value (B, S, H, D), text stays.

    Samples that are off in `values_on` (B,) keep their own.
    """
    text = value.shape[1] - source_index.shape[1]
    image = _choose(values_on, value[0, text:][source_index], value[:, text:])
    return torch.cat([value[:, :text], image], dim=1)


def _choose(on: torch.Tensor | None, then: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    return then if on is None else torch.where(on[:, None, None, None], then, otherwise)


def _put(memory: torch.Tensor, places: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """(1, S, H, D) copied for each sample, with `own` (B, M, H, D) at `places`; place S is lost."""
    batch, _, heads, width = own.shape
    full = torch.cat([memory, memory[:, :1]], dim=1).repeat(batch, 1, 1, 1)
    full.scatter_(1, places[:, :, None, None].expand(-1, -1, heads, width), own)
    return full[:, :-1]
