"""The flow transformer with its autoencoder, from any diffusers folder of FLUX's geometry.

The compact model and FLUX.1-dev go through the same code: FluxTransformer2DModel, AutoencoderKL,
FlowMatchEulerDiscreteScheduler (its configuration only: the solvers are ours), safetensors only.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from stages.models import vision

vision.prepare()  # before diffusers: its model classes import torchvision

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: E402
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel  # noqa: E402
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (  # noqa: E402
    FlowMatchEulerDiscreteScheduler,
)

from stages.engine.record import TOKEN  # noqa: E402
from stages.models.flow_attention import Injection, gather_rotary, install  # noqa: E402
from stages.models.flow_text import Conditioning, empty_prompt, zero_token  # noqa: E402
from stages.models.flow_tokens import image_ids, pack, unpack  # noqa: E402
from stages.models.protocols import Image  # noqa: E402

LATENT_CHANNELS = 16
TOKEN_CHANNELS = 4 * LATENT_CHANNELS


class Flow:
    """A loaded flow model. Tokens are (B, N, 64), N = rows * columns, in normalised latents.

    Args:
        transformer: a FluxTransformer2DModel of 64 input channels.
        vae: an AutoencoderKL of 16 latent channels and 8x compression.
        scheduler: only its shift parameters are read.
        conditioning: the text side.
        guidance: distilled guidance scale, for models that embed it (FLUX.1-dev).
    """

    def __init__(
        self,
        transformer: Any,
        vae: Any,
        scheduler: Any,
        conditioning: Conditioning,
        guidance: float = 1.0,
    ) -> None:
        self.transformer, self.vae, self.guidance = transformer, vae, guidance
        self.conditioning = conditioning
        self.blocks = install(transformer)
        self._shift = scheduler.config
        self._dtype, self._device = transformer.dtype, transformer.device

    @classmethod
    def load(
        cls,
        folder: str | Path,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        guidance: float = 1.0,
    ) -> Flow:
        """Load a diffusers folder with ``transformer/``, ``vae/``, ``scheduler/``.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: another geometry than FLUX's.
        """
        folder, device = Path(folder), torch.device(device)
        if not folder.is_dir():  # diffusers would ask the hub for it
            raise FileNotFoundError(f"no folder {str(folder)!r}")
        options: dict[str, Any] = {"dtype": dtype, "use_safetensors": True}
        transformer = FluxTransformer2DModel.from_pretrained(
            folder, subfolder="transformer", **options
        )
        vae = AutoencoderKL.from_pretrained(folder, subfolder="vae", **options)
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
        _check_geometry(transformer.config, vae.config)
        if (folder / "text_encoder").is_dir():
            conditioning = empty_prompt(folder, dtype, device)
        else:
            conditioning = zero_token(transformer.config, dtype, device)
        models: list[Any] = [transformer, vae]
        for model in models:
            model.to(device).eval().requires_grad_(False)
        models[1].to(memory_format=torch.channels_last)  # a fifth less time to decode on a CPU
        return cls(transformer, vae, scheduler, conditioning, guidance)

    def shift(self, tokens: int) -> float:
        """mu of the time shift: linear in the token count, or the scheduler's fixed shift."""
        config = self._shift
        if not config.use_dynamic_shifting:
            return math.log(config.shift)
        slope = (config.max_shift - config.base_shift) / (
            config.max_image_seq_len - config.base_image_seq_len
        )
        return config.base_shift + slope * (tokens - config.base_image_seq_len)

    @torch.inference_mode()
    def encode(self, image: Image) -> torch.Tensor:
        """(H, W, 3) uint8, sides multiples of 16, to (1, N, 64) tokens: the posterior's mode.

        Raises:
            ValueError: sides that are not multiples of 16.
        """
        height, width, _ = image.shape
        if height % TOKEN or width % TOKEN:
            raise ValueError(f"{width} x {height} px is not a whole number of {TOKEN} px tokens")
        pixels = torch.tensor(image, device=self._device)
        pixels = (pixels.permute(2, 0, 1)[None].float() / 127.5 - 1).to(self._dtype)
        latents = self.vae.encode(pixels).latent_dist.mode()
        config = self.vae.config
        return pack((latents - (config.shift_factor or 0.0)) * config.scaling_factor)

    @torch.inference_mode()
    def decode(self, tokens: torch.Tensor, grid: tuple[int, int]) -> NDArray[np.float32]:
        """(B, N, 64) tokens to (B, H, W, 3) float32 in 0..255, one by one (bounded memory)."""
        config = self.vae.config
        latents = unpack(tokens.to(self._device, self._dtype), grid)
        latents = latents / config.scaling_factor + (config.shift_factor or 0.0)
        pictures = [self.vae.decode(one[None]).sample[0].float().cpu() for one in latents]
        pixels = (torch.stack(pictures).permute(0, 2, 3, 1) + 1) * 127.5
        return pixels.clamp(0, 255).numpy()

    def inject(
        self,
        source_index: torch.Tensor,
        grid: tuple[int, int],
        positions: float,
        values: float,
    ) -> Injection:
        """Prepare the injection of a batch (B, N) `source_index` whose item 0 is the source branch.

        Args:
            source_index: (B, N) int64.
            grid: rows and columns.
            positions: share of the blocks, from the first on, with injected positions.
            values: share of the blocks, up to the last, with injected values.
        """
        source_index = source_index.to(self._device)
        first = round(positions * self.blocks)
        last = round(values * self.blocks)
        rotary = None
        if first:
            text_ids, ids = self._ids(grid)
            rotary = gather_rotary(
                self.transformer.pos_embed(torch.cat([text_ids, ids])), source_index
            )
        return Injection(
            source_index=source_index,
            rotary=rotary,
            position_blocks=frozenset(range(first)),
            value_blocks=frozenset(range(self.blocks - last, self.blocks)),
        )

    @torch.inference_mode()
    def velocity(
        self,
        tokens: torch.Tensor,
        t: float,
        grid: tuple[int, int],
        injection: Injection | None = None,
    ) -> torch.Tensor:
        """dz/dt of the rectified flow at time `t` in [0, 1] (0 = photo, 1 = noise).

        Args:
            tokens: (B, N, 64) latents; computed in the model's dtype, returned in theirs.
            t: time.
            grid: rows and columns, rows * columns = N.
            injection: from `inject`, or None for the plain model.
        """
        batch = tokens.shape[0]
        text_ids, ids = self._ids(grid)
        embeds = self.transformer.config.guidance_embeds
        time = torch.full((batch,), t, dtype=torch.float32, device=self._device)
        out = self.transformer(
            hidden_states=tokens.to(self._device, self._dtype),
            encoder_hidden_states=self.conditioning.text.expand(batch, -1, -1),
            pooled_projections=self.conditioning.pooled.expand(batch, -1),
            timestep=time,
            img_ids=ids,
            txt_ids=text_ids,
            guidance=torch.full_like(time, self.guidance) if embeds else None,
            joint_attention_kwargs=None if injection is None else {"injection": injection},
            return_dict=False,
        )[0]
        return out.to(tokens.device, tokens.dtype)

    def _ids(self, grid: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
        text = torch.zeros(self.conditioning.text.shape[1], 3, device=self._device)
        return text, image_ids(grid).to(self._device)


def _check_geometry(transformer: Any, vae: Any) -> None:
    """Only FLUX's geometry fits the records: 16 channels, 8x, tokens of 64 channels."""
    found = {
        "transformer in_channels": (transformer.in_channels, TOKEN_CHANNELS),
        "vae latent_channels": (vae.latent_channels, LATENT_CHANNELS),
        "vae stages": (len(vae.block_out_channels), 4),
    }
    wrong = {name: got for name, (got, wanted) in found.items() if got != wanted}
    if wrong:
        raise ValueError(
            f"not FLUX's geometry (16 latent channels, 8x, tokens of 64 channels): {wrong}"
        )
