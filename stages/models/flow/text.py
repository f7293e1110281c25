"""Text conditioning: FLUX's own encoders if the folder has them, else one zero token."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch


@dataclass(frozen=True)
class Conditioning:
    """Text input of the transformer."""

    text: torch.Tensor
    """(1, L, joint_attention_dim)."""
    pooled: torch.Tensor
    """(1, pooled_projection_dim)."""


class Prompts(Protocol):
    """Maps a prompt to its conditioning."""

    tokens: int
    """L, the same for every prompt."""
    takes_prompts: bool
    """Whether any prompt but the empty one is allowed."""

    def __call__(self, prompt: str) -> Conditioning:
        """Return the conditioning of `prompt`."""
        ...


class ZeroToken:
    """One text token of zeros and a zero pooled vector, as the compact model was trained."""

    tokens = 1
    takes_prompts = False

    def __init__(self, config: Any, dtype: torch.dtype, device: torch.device) -> None:
        options: dict[str, Any] = {"dtype": dtype, "device": device}
        self._zero = Conditioning(
            text=torch.zeros(1, 1, config.joint_attention_dim, **options),
            pooled=torch.zeros(1, config.pooled_projection_dim, **options),
        )

    def __call__(self, prompt: str) -> Conditioning:
        """Return the zero token.

        Raises:
            ValueError: `prompt` is not empty; this model has no text encoders.
        """
        if prompt:
            raise ValueError(f"the flow model has no text encoders for the prompt {prompt!r}")
        return self._zero


class TextEncoders:
    """The folder's CLIP and T5 encoders, run by diffusers' FluxPipeline.

    The encoders (T5 alone is 9 GB at FLUX's scale) are read from disk once and stay in main memory.
    They are moved to the device only to encode a new prompt, because the device has to hold the
    transformer as well. The embeddings of the last prompts are cached: every evaluation of a photo
    needs those of its caption again.
    """

    tokens = 512
    takes_prompts = True
    max_cached = 8
    """Cached prompts; each takes 4 MB at FLUX's scale in bfloat16."""

    def __init__(self, folder: Path, dtype: torch.dtype, device: torch.device) -> None:
        self._folder, self._dtype, self._device = folder, dtype, device
        self._cached: OrderedDict[str, Conditioning] = OrderedDict()
        self._pipeline: Any = None

    def __call__(self, prompt: str) -> Conditioning:
        """Return the embeddings of `prompt`.

        Raises:
            OSError: files of an encoder are missing.
        """
        if prompt not in self._cached:
            self._cached[prompt] = self._encode(prompt)
        self._cached.move_to_end(prompt)
        while len(self._cached) > self.max_cached:
            self._cached.popitem(last=False)
        return self._cached[prompt]

    @torch.inference_mode()
    def _encode(self, prompt: str) -> Conditioning:
        if self._pipeline is None:
            from diffusers.pipelines.flux.pipeline_flux import FluxPipeline

            self._pipeline = FluxPipeline.from_pretrained(
                self._folder, transformer=None, vae=None, dtype=self._dtype, use_safetensors=True
            )
        self._pipeline.to(self._device)
        text, pooled, _ = self._pipeline.encode_prompt(
            prompt=prompt, device=self._device, max_sequence_length=self.tokens
        )
        self._pipeline.to("cpu")
        return Conditioning(text=text.clone(), pooled=pooled.clone())
