"""FLUX's attention with an injection (algorithm section 4) between projection and attention.

diffusers computes one rotary embedding for the whole batch; here each sample may have its own.
Where nothing is injected the processor does what the stock one does, so that an identity mapping
equals the stock model up to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers.models.attention_dispatch import dispatch_attention_fn
from diffusers.models.transformers.transformer_flux import FluxAttnProcessor

from stages.models.flow.injection import Injection, Projections


class InjectionProcessor(FluxAttnProcessor):
    """diffusers' Flux attention with a hook that lets an injection change queries, keys and values.

    Args:
        block: number of the block, double-stream blocks first.
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
        """Compute one attention layer; runs the stock code where `injection` skips this block."""
        if injection is None or not injection.touches(self.block):
            return super().__call__(
                attn,
                hidden_states,
                encoder_hidden_states,  # pyright: ignore[reportArgumentType]
                attention_mask,
                image_rotary_emb,
            )
        projections = _project(attn, hidden_states, encoder_hidden_states)

        def attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
            return dispatch_attention_fn(
                query, key, value, attn_mask=attention_mask, backend=self._attention_backend
            )

        out = injection.attend(self.block, projections, image_rotary_emb, attention)
        out = out.flatten(2, 3).to(hidden_states.dtype)
        if encoder_hidden_states is None:
            return out
        text = encoder_hidden_states.shape[1]
        image = attn.to_out[1](attn.to_out[0](out[:, text:].contiguous()))
        return image, attn.to_add_out(out[:, :text].contiguous())


def _project(attn: Any, hidden: torch.Tensor, text: torch.Tensor | None) -> Projections:
    """Return query and key (both normalised) and value as (B, S, H, D), text tokens first."""
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


def install_processors(transformer: Any) -> tuple[int, int]:
    """Set an `InjectionProcessor` on every block of a FluxTransformer2DModel.

    Returns:
        The number of double-stream and of single-stream blocks.
    """
    double, single = transformer.transformer_blocks, transformer.single_transformer_blocks
    for number, block in enumerate([*double, *single]):
        block.attn.set_processor(InjectionProcessor(number))
    return len(double), len(single)
