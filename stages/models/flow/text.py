"""Text conditioning: FLUX's own encoders where the folder has them, one zero token where not."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch


@dataclass(frozen=True)
class Conditioning:
    """What the transformer is told beside the picture."""

    text: torch.Tensor
    """(1, L, joint_attention_dim)."""
    pooled: torch.Tensor
    """(1, pooled_projection_dim)."""


class Prompts(Protocol):
    """From a prompt to its conditioning."""

    tokens: int
    """L, the same for every prompt."""
    told: bool
    """Whether it can be told anything but the empty prompt."""

    def __call__(self, prompt: str) -> Conditioning:
        """The prompt's conditioning."""
        ...


class ZeroToken:
    """One text token of zeros and a zero pooled vector: how the compact model was trained."""

    tokens = 1
    told = False

    def __init__(self, config: Any, dtype: torch.dtype, device: torch.device) -> None:
        options: dict[str, Any] = {"dtype": dtype, "device": device}
        self._told = Conditioning(
            text=torch.zeros(1, 1, config.joint_attention_dim, **options),
            pooled=torch.zeros(1, config.pooled_projection_dim, **options),
        )

    def __call__(self, prompt: str) -> Conditioning:
        """The zero token.

        Raises:
            ValueError: a prompt, which this model cannot be told.
        """
        if prompt:
            raise ValueError(f"the flow model has no text encoders for the prompt {prompt!r}")
        return self._told


class TextEncoders:
    """The folder's CLIP and T5 through diffusers' FluxPipeline.

    The encoders (T5 alone is 9 GB at FLUX's scale) are read from disk once and stay in main memory;
    they visit the device for a prompt that is new and leave it again, for it has to hold the
    transformer as well. The last prompts are remembered: a photo's caption is asked for at every
    evaluation, another photo's is not.
    """

    tokens = 512
    told = True
    remembered = 8
    """Prompts: 4 MB each at FLUX's scale in bfloat16."""

    def __init__(self, folder: Path, dtype: torch.dtype, device: torch.device) -> None:
        self._folder, self._dtype, self._device = folder, dtype, device
        self._known: OrderedDict[str, Conditioning] = OrderedDict()
        self._pipeline: Any = None

    def __call__(self, prompt: str) -> Conditioning:
        """The prompt's embeddings.

        Raises:
            OSError: an encoder's files are incomplete.
        """
        if prompt not in self._known:
            self._known[prompt] = self._encode(prompt)
        self._known.move_to_end(prompt)
        while len(self._known) > self.remembered:
            self._known.popitem(last=False)
        return self._known[prompt]

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
