"""Changes of queries, keys and values inside an attention layer (algorithm section 4).

`Injection` is the contract: `attend` takes a block's projections, text tokens first, changes them
and computes attention. `Recorder` is the source branch of sparse injection, `DenseInjection`
injects into whole grids of tokens, `SparseInjection` into the active tokens only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch

Rotary = tuple[torch.Tensor, torch.Tensor]
"""cos and sin, float32: (S, D) shared by all samples or (B, S, D) per sample."""

Projections = tuple[torch.Tensor, torch.Tensor, torch.Tensor]
"""Query, key, value, each (B, S, H, D); S = text + image tokens."""

Attention = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Attention of query (B, M, H, D) to key and value (B, S, H, D)."""


@dataclass(frozen=True)
class Blocks:
    """Numbers of the blocks that inject, double-stream blocks first."""

    positions: frozenset[int]
    values: frozenset[int]


class Injection(Protocol):
    """Hook of `InjectionProcessor`, passed to the transformer in ``joint_attention_kwargs``."""

    def touches(self, block: int) -> bool:
        """Return whether `attend` has to run in this block; if not, the stock layer runs."""
        ...

    def attend(
        self, block: int, projections: Projections, rotary: Rotary, attention: Attention
    ) -> torch.Tensor:
        """Rotate query and key, inject, and return what `attention` returns; `rotary` is the stock
        (S, D)."""
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

    def attend(
        self, block: int, projections: Projections, rotary: Rotary, attention: Attention
    ) -> torch.Tensor:
        """Record rotated key and value, and attend as the stock layer does."""
        query, key, value = projections
        self.keys[block], self.values[block] = rotate(key, rotary), value
        return attention(rotate(query, rotary), self.keys[block], value)


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

    def attend(
        self, block: int, projections: Projections, rotary: Rotary, attention: Attention
    ) -> torch.Tensor:
        """Attend with pe' = pe[source_index] and v' = v_source[source_index]."""
        query, key, value = projections
        if self.rotary is not None and block in self.blocks.positions:
            rotary = self.rotary
        if block in self.blocks.values:
            value = stream_values(value, self.source_index, self.values_on, self.text_values)
        return attention(rotate(query, rotary), rotate(key, rotary), value)


@dataclass(frozen=True)
class SparseInjection:
    """Injection into the active tokens of several variants, which attend to the source branch.

    Queries, MLP and outputs are computed for the active tokens only; the keys and values of all
    other tokens, text included, are those of the source branch at this evaluation. The variants'
    tokens follow one another in one sequence of M tokens, so that every matrix product is computed
    once for all of them; only attention is computed variant by variant.
    """

    memory: Recorder
    places: tuple[torch.Tensor, ...]
    """For each variant: (m,) int64 into the sequence of S tokens, the tokens that are computed."""
    sources: torch.Tensor
    """(M,) int64 into the sequence of S tokens: source token of each computed token."""
    blocks: Blocks
    rotary: Rotary
    """(1, M, D): the tokens' own positions."""
    injected: Rotary | None
    """(1, M, D): pe[source] for the variants that inject positions; None if no variant does."""
    values_on: torch.Tensor | None
    """(1, M) bool: tokens of the variants that inject values; None = all of them."""

    def touches(self, block: int) -> bool:
        """Return True: every block attends to the recorded keys and values."""
        return True

    def attend(
        self, block: int, projections: Projections, rotary: Rotary, attention: Attention
    ) -> torch.Tensor:
        """Attend with the query of the computed tokens to the keys and values of all tokens."""
        query, key, value = projections
        own = self.rotary
        if self.injected is not None and block in self.blocks.positions:
            own = self.injected
        keys, values = self.memory.keys[block], self.memory.values[block]
        if block in self.blocks.values:
            value = _choose(self.values_on, values[:, self.sources], value)
        sizes = [len(places) for places in self.places]
        parts = zip(
            self.places,
            *(part.split(sizes, dim=1) for part in (rotate(query, own), rotate(key, own), value)),
            strict=True,
        )
        return torch.cat(
            [
                attention(q, keys.index_copy(1, places, k), values.index_copy(1, places, v))
                for places, q, k, v in parts
            ],
            dim=1,
        )


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
    on = None if values_on is None else values_on[:, None]
    if text_values:
        return _choose(on, value[0][prepend_text(source_index, text)], value)
    image = _choose(on, value[0, text:][source_index], value[:, text:])
    return torch.cat([value[:, :text], image], dim=1)


def _choose(on: torch.Tensor | None, then: torch.Tensor, otherwise: torch.Tensor) -> torch.Tensor:
    """Choose by (B, S) or (B, 1) bool between two (B, S, H, D)."""
    return then if on is None else torch.where(on[:, :, None, None], then, otherwise)
