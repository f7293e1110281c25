"""Position and value injection in FLUX's attention (algorithm section 4), as one gather.

diffusers computes one rotary embedding for the whole batch; here each sample of the batch brings
its own. The processor does what the stock one does when nothing is injected, so that an identity
mapping equals the stock model bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_flux import FluxAttnProcessor

Rotary = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True)
class Injection:
    """What one forward injects; travels in ``joint_attention_kwargs``."""

    source_index: torch.Tensor
    """(B, N) int64: per sample the image token each image token takes after; identity = itself."""
    rotary: Rotary | None
    """cos and sin, (B, S, D) float32 with S = text + image tokens, already gathered; None = off."""
    position_blocks: frozenset[int]
    """Blocks (double first, then single, counted through) that use `rotary`."""
    value_blocks: frozenset[int]
    """Blocks whose image values are those of batch item 0, the source branch, gathered."""


def gather_rotary(rotary: Rotary, source_index: torch.Tensor) -> Rotary:
    """pe' = pe[source_index]: (S, D) cos and sin to (B, S, D); text positions stay."""
    text = rotary[0].shape[0] - source_index.shape[1]
    keep = torch.arange(text, device=source_index.device).expand(len(source_index), text)
    index = torch.cat([keep, source_index + text], dim=1)
    return rotary[0][index], rotary[1][index]


def rotate(x: torch.Tensor, rotary: Rotary) -> torch.Tensor:
    """Rotary embedding per sample: x (B, S, H, D), cos and sin (B, S, D), in float32."""
    cos, sin = (part[:, :, None, :].to(x.device) for part in rotary)
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    quarter_turn = torch.stack([-odd, even], dim=-1).flatten(-2)
    return (x.float() * cos + quarter_turn.float() * sin).to(x.dtype)


def stream_values(value: torch.Tensor, source_index: torch.Tensor) -> torch.Tensor:
    """v'[b, k] = v[0, source_index[b, k]] on image tokens; value (B, S, H, D), text stays."""
    text = value.shape[1] - source_index.shape[1]
    return torch.cat([value[:, :text], value[0, text:][source_index]], dim=1)


class InjectionProcessor(FluxAttnProcessor):
    """diffusers' Flux attention with per-sample positions and streamed values.

    Args:
        block: the block's number, double blocks first.
    """

    def __init__(self, block: int) -> None:
        super().__init__()
        self.block = block

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
        injection: Injection | None = None,
    ) -> Any:
        """One attention layer; `injection` None or off for this block runs the stock code."""
        positions = injection and injection.rotary and self.block in injection.position_blocks
        values = injection and self.block in injection.value_blocks
        if injection is None or not (positions or values):
            return super().__call__(
                attn,
                hidden_states,
                encoder_hidden_states,  # pyright: ignore[reportArgumentType]
                attention_mask,
                image_rotary_emb,
            )
        query, key, value = _project(attn, hidden_states, encoder_hidden_states)
        if positions and injection.rotary:
            rotary = injection.rotary
        else:
            cos, sin = image_rotary_emb
            rotary = (cos[None], sin[None])
        query, key = rotate(query, rotary), rotate(key, rotary)
        if values:
            value = stream_values(value, injection.source_index)
        out = dispatch_attention_fn(
            query, key, value, attn_mask=attention_mask, backend=self._attention_backend
        )
        out = out.flatten(2, 3).to(query.dtype)
        if encoder_hidden_states is None:
            return out
        text = encoder_hidden_states.shape[1]
        image = attn.to_out[1](attn.to_out[0](out[:, text:].contiguous()))
        return image, attn.to_add_out(out[:, :text].contiguous())


def _project(
    attn: Any, hidden: torch.Tensor, text: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Query, key (both normalised) and value as (B, S, H, D), text tokens first."""
    heads = (-1, attn.head_dim)
    query = attn.norm_q(attn.to_q(hidden).unflatten(-1, heads))
    key = attn.norm_k(attn.to_k(hidden).unflatten(-1, heads))
    value = attn.to_v(hidden).unflatten(-1, heads)
    if text is None:
        return query, key, value
    text_query = attn.norm_added_q(attn.add_q_proj(text).unflatten(-1, heads))
    text_key = attn.norm_added_k(attn.add_k_proj(text).unflatten(-1, heads))
    text_value = attn.add_v_proj(text).unflatten(-1, heads)
    return (
        torch.cat([text_query, query], dim=1),
        torch.cat([text_key, key], dim=1),
        torch.cat([text_value, value], dim=1),
    )


def install(transformer: Any) -> int:
    """Give every block of a FluxTransformer2DModel its processor; returns the number of blocks."""
    blocks = [*transformer.transformer_blocks, *transformer.single_transformer_blocks]
    for number, block in enumerate(blocks):
        block.attn.set_processor(InjectionProcessor(number))
    return len(blocks)
