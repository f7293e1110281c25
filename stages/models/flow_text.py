"""Text conditioning: FLUX's own encoders where the folder has them, one zero token where not.

The factory edits photos without a prompt, so the only text is the empty one: encoded once per
model, after which the encoders are dropped (T5 alone is 9 GB at FLUX's scale).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Conditioning:
    """What the transformer is told beside the picture."""

    text: torch.Tensor
    """(1, L, joint_attention_dim)."""
    pooled: torch.Tensor
    """(1, pooled_projection_dim)."""


def zero_token(config: Any, dtype: torch.dtype, device: torch.device) -> Conditioning:
    """One text token of zeros and a zero pooled vector: how the compact model was trained."""
    return Conditioning(
        text=torch.zeros(1, 1, config.joint_attention_dim, dtype=dtype, device=device),
        pooled=torch.zeros(1, config.pooled_projection_dim, dtype=dtype, device=device),
    )


def empty_prompt(folder: Path, dtype: torch.dtype, device: torch.device) -> Conditioning:
    """The empty prompt through the folder's CLIP and T5 encoders.

    Raises:
        OSError: an encoder's files are incomplete.
    """
    from diffusers.pipelines.flux.pipeline_flux import FluxPipeline

    pipeline: Any = FluxPipeline.from_pretrained(
        folder, transformer=None, vae=None, dtype=dtype, use_safetensors=True
    ).to(device)
    with torch.inference_mode():
        text, pooled, _ = pipeline.encode_prompt(prompt="", device=device)
    return Conditioning(text=text.clone(), pooled=pooled.clone())
