"""Changes of queries, keys and values inside an attention layer (algorithm section 4).

`Injection` is the contract: `apply` takes a block's projections, text tokens first, and returns the
tensors that attention is computed from. `Recorder` is the source branch of sparse injection,
`DenseInjection` injects into whole grids of tokens, `SparseInjection` into the active tokens only.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import torch

Rotary = tuple[torch.Tensor, torch.Tensor]
"""cos and sin, float32: (S, D) shared by all samples or (B, S, D) per sample."""

Projections = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Query, key, value, each (B, S, H, D); S = text + image tokens."""


@dataclass(frozen=True)
class Blocks:
    """Numbers of the blocks that inject, double-stream blocks first."""

    positions: frozenset[int]
    values: frozenset[int]


class Injection(Protocol):
    """Hook of `InjectionProcessor`, passed to the transformer in ``joint_attention_kwargs``."""

    def touches(self, block: int) -> bool:
        """Return whether `apply` has to run in this block; if not, the stock layer runs."""
        ...

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """Return rotated query, rotated key and value; `rotary` is the stock (S, D)."""
        ...


def gather_rotary(rotary: Rotary, index: torch.Tensor) -> Rotary:
    """Compute pe' = pe[index]: (S, D) cos and sin to (B, M, D) by (B, M) indices into S."""
    return rotary[0][index], rotary[1][index]


def prepend_text(index: torch.Tensor, text: int) -> torch.Tensor:
    """Turn (B, N) indices of image tokens into (B, text + N) of the whole sequence.

    The `text` text tokens map to themselves.
    """
    keep = torch.arange(text, device=index.device).expand(len(index), text)
    return torch.cat([keep, index + text], dim=1)


def rotate(x: torch.Tensor, rotary: Rotary) -> torch.Tensor:
    """Apply the rotary embedding to x (B, S, H, D), in float32."""
    cos, sin = (part.to(x.device) for part in rotary)
    if cos.ndim == 2:
        cos, sin = cos[None], sin[None]
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    quarter_turn = torch.stack([-odd, even], dim=-1).flatten(-2)
    return (x.float() * cos[:, :, None] + quarter_turn.float() * sin[:, :, None]).to(x.dtype)


@dataclass
class Recorder:
    """The source branch: injects nothing, records rotated keys and values of every block."""

    keys: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])
    """Block number to (1, S, H, D)."""
    values: dict[int, torch.Tensor] = field(default_factory=dict[int, torch.Tensor])

    def touches(self, block: int) -> bool:
        """Return True: every block is recorded."""
        return True

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """Record rotated key and value, and return what the stock layer attends with."""
        query, key, value = projections
        self.keys[block], self.values[block] = rotate(key, rotary), value
        return rotate(query, rotary), self.keys[block], value


@dataclass(frozen=True)
class DenseInjection:
    """Injection into a batch of whole grids; item 0 of the batch is the source branch."""

    source_index: torch.Tensor
    """(B, N) int64: source token of each image token's value, per sample; its own = identity."""
    blocks: Blocks
    rotary: Rotary | None
    """(B, S, D), gathered; None if no sample injects positions."""
    values_on: torch.Tensor | None
    """(B,) bool: samples that inject values; None = all of them."""
    text_values: bool = False
    """Whether the samples that inject values take those of the text tokens too."""

    def touches(self, block: int) -> bool:
        """Return whether positions or values are injected in this block."""
        return (self.rotary is not None and block in self.blocks.positions) or (
            block in self.blocks.values
        )

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """Compute pe' = pe[source_index] and v' = v_source[source_index]."""
        query, key, value = projections
        if self.rotary is not None and block in self.blocks.positions:
            rotary = self.rotary
        if block in self.blocks.values:
            value = stream_values(value, self.source_index, self.values_on, self.text_values)
        return rotate(query, rotary), rotate(key, rotary), value


@dataclass(frozen=True)
class SparseInjection:
    """Injection into a batch of active tokens that attend to the source branch's keys and values.

    Queries, MLP and outputs are computed for the active tokens only; the keys and values of all
    other tokens, text included, are those of the source branch at this evaluation.
    """

    memory: Recorder
    places: torch.Tensor
    """(B, M) int64 into the sequence of S tokens: the tokens that are computed. The value S is
    padding: no token attends to what is computed there."""
    sources: torch.Tensor
    """(B, M) int64 into the sequence: source token of each computed token."""
    blocks: Blocks
    rotary: Rotary
    """(B, M, D): the tokens' own positions."""
    injected: Rotary | None
    """(B, M, D): pe[source] for the samples that inject positions; None if no sample does."""
    values_on: torch.Tensor | None
    """(B,) bool: samples that inject values; None = all of them."""

    def touches(self, block: int) -> bool:
        """Return True: every block attends to the recorded keys and values."""
        return True

    def apply(self, block: int, projections: Projections, rotary: Rotary) -> Projections:
        """Return query (B, M, H, D) of the computed tokens, key and value (B, S, H, D) of all."""
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
    value: torch.Tensor,
    source_index: torch.Tensor,
    values_on: torch.Tensor | None = None,
    text_values: bool = False,
) -> torch.Tensor:
    """Compute v'[b, k] = v[0, source_index[b, k]] on image tokens; value (B, S, H, D).

    Samples that are False in `values_on` (B,) keep their own values, and text tokens do unless
    `text_values` is set: then they take those of item 0.
    """
    text = value.shape[1] - source_index.shape[1]
    if text_values:
        return _choose(values_on, value[0][prepend_text(source_index, text)], value)
    image = _choose(values_on, value[0, text:][source_index], value[:, text:])
    return torch.cat([value[:, :text], image], dim=1)


def _choose(on: torch.Tensor | None, then: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    return then if on is None else torch.where(on[:, None, None, None], then, otherwise)


def _put(memory: torch.Tensor, places: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    """Repeat (1, S, H, D) per sample, write `own` (B, M, H, D) at `places`, drop place S."""
    batch, _, heads, width = own.shape
    full = torch.cat([memory, memory[:, :1]], dim=1).repeat(batch, 1, 1, 1)
    full.scatter_(1, places[:, :, None, None].expand(-1, -1, heads, width), own)
    return full[:, :-1]
