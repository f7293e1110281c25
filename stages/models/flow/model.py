"""Flow transformer and autoencoder, loaded from any diffusers folder of FLUX's geometry.

The compact model and FLUX.1-dev use the same code: FluxTransformer2DModel, AutoencoderKL and the
configuration of FlowMatchEulerDiscreteScheduler (the solvers are our own). Weights are read from
safetensors only.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError

from stages.models.networks import torchvision_import

torchvision_import.prepare()  # before diffusers: its model classes import torchvision

from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL  # noqa: E402
from diffusers.models.transformers.transformer_flux import FluxTransformer2DModel  # noqa: E402
from diffusers.schedulers.scheduling_flow_match_euler_discrete import (  # noqa: E402
    FlowMatchEulerDiscreteScheduler,
)

from stages.models.flow.attention import install_processors  # noqa: E402
from stages.models.flow.decode import (  # noqa: E402
    Region,
    Statistics,
    apply_statistics,
    record_statistics,
    trim_blocks,
)
from stages.models.flow.injection import (  # noqa: E402
    Blocks,
    DenseInjection,
    Injection,
    Recorder,
    Rotary,
    SparseInjection,
    gather_rotary,
    prepend_text,
)
from stages.models.flow.text import Prompts, TextEncoders, ZeroToken  # noqa: E402
from stages.models.flow.tokens import image_ids, pack, unpack  # noqa: E402
from stages.models.flow.upsampling import replace_upsamplers  # noqa: E402
from stages.models.protocols import Image  # noqa: E402
from stages.records.documents import TOKEN  # noqa: E402

Span = tuple[float, float]
"""Share of the double-stream and of the single-stream blocks."""

LATENT_CHANNELS = 16
TOKEN_CHANNELS = 4 * LATENT_CHANNELS


class Flow:
    """A loaded flow model. Tokens are normalised latents (B, N, 64), N = rows * columns.

    Args:
        transformer: a FluxTransformer2DModel of 64 input channels.
        vae: an AutoencoderKL of 16 latent channels and 8x compression.
        scheduler: only its shift parameters are read.
        prompts: text conditioning.
        device: where to compute; off-loaded models may keep their weights elsewhere.
    """

    def __init__(
        self,
        transformer: Any,
        vae: Any,
        scheduler: Any,
        prompts: Prompts,
        device: torch.device,
    ) -> None:
        self.transformer, self.vae, self.prompts = transformer, vae, prompts
        self.layout = install_processors(transformer)
        self._shift = scheduler.config
        self._dtype, self._device = transformer.dtype, device

    @classmethod
    def load(
        cls,
        folder: str | Path,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        *,
        offload: bool = False,
        compile: bool = False,
    ) -> Flow:
        """Load a diffusers folder with ``transformer/``, ``vae/``, ``scheduler/``.

        Args:
            folder: path of the folder.
            dtype: dtype of weights and activations.
            device: where to compute.
            offload: keep the weights in main memory and move them to the device block by block.
            compile: torch.compile the transformer once for all batch sizes and token counts.

        Raises:
            FileNotFoundError: no such folder.
            ValueError: the geometry is not FLUX's, or the weights do not match the configuration.
        """
        folder, device = Path(folder), torch.device(device)
        if not folder.is_dir():  # diffusers would query the hub
            raise FileNotFoundError(f"no folder {str(folder)!r}")
        transformer = _load(FluxTransformer2DModel, folder, "transformer", dtype)
        vae = _load(AutoencoderKL, folder, "vae", dtype)
        scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
        _check_geometry(transformer.config, vae.config)
        prompts = (
            TextEncoders(folder, dtype, device)
            if (folder / "text_encoder").is_dir()
            else ZeroToken(transformer.config, dtype, device)
        )
        for model in (transformer, vae):
            model.eval().requires_grad_(False)
            if offload:
                model.enable_group_offload(device, offload_type="leaf_level")
            else:
                model.to(device)
        if device.type == "cpu":
            replace_upsamplers(vae.decoder)
        vae.to(memory_format=torch.channels_last)  # a fifth less time to decode on a CPU
        flow = cls(transformer, vae, scheduler, prompts, device)
        if compile:
            transformer.compile(dynamic=True)
        return flow

    def shift(self, tokens: int) -> float:
        """Return mu of the time shift: linear in the token count, or fixed by the scheduler."""
        config = self._shift
        if not config.use_dynamic_shifting:
            return math.log(config.shift)
        slope = (config.max_shift - config.base_shift) / (
            config.max_image_seq_len - config.base_image_seq_len
        )
        return config.base_shift + slope * (tokens - config.base_image_seq_len)

    @torch.inference_mode()
    def encode(self, image: Image) -> torch.Tensor:
        """Encode (H, W, 3) uint8, sides multiples of 16, to (1, N, 64): the posterior's mode.

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
        """Decode (N, 64) tokens to (H, W, 3) float32 in 0..255."""
        config = self.vae.config
        latents = unpack(tokens[None].to(self._device, self._dtype), grid)
        latents = latents / config.scaling_factor + (config.shift_factor or 0.0)
        picture = self.vae.decode(latents).sample[0].float().cpu()
        return ((picture.permute(1, 2, 0) + 1) * 127.5).clamp(0, 255).numpy()

    def decode_whole(
        self, tokens: torch.Tensor, grid: tuple[int, int]
    ) -> tuple[NDArray[np.float32], Statistics]:
        """Decode a whole image and return the statistics with which to decode its crops."""
        with record_statistics(self.vae.decoder) as statistics:
            return self.decode(tokens, grid), statistics

    def decode_crop(
        self, tokens: torch.Tensor, grid: tuple[int, int], statistics: Statistics, wanted: Region
    ) -> NDArray[np.float32]:
        """Decode a region of a crop of an image: (H, W, 3) float32 in 0..255.

        Args:
            tokens: (N, 64), the crop's.
            grid: rows and columns of `tokens`.
            statistics: those of the whole image, from `decode_whole`.
            wanted: the region, in pixels of the crop.
        """
        rows, columns = grid
        decoder, side = self.vae.decoder, TOKEN // 8
        with (
            apply_statistics(decoder, statistics),
            trim_blocks(decoder, (rows * side, columns * side), wanted) as present,
        ):
            picture = self.decode(tokens, grid)
        (top, left, bottom, right), (y, x, _, _) = wanted, present
        return picture[top - y : bottom - y, left - x : right - x]

    def blocks(self, positions: Span, values: Span) -> Blocks:
        """Choose the first blocks for positions and the last blocks for values.

        Args:
            positions, values: share of the double-stream and of the single-stream blocks.
        """
        double, single = self.layout
        first = [*range(round(positions[0] * double))]
        first += [double + n for n in range(round(positions[1] * single))]
        last = [double - 1 - n for n in range(round(values[0] * double))]
        last += [double + single - 1 - n for n in range(round(values[1] * single))]
        return Blocks(frozenset(first), frozenset(last))

    def dense_injection(
        self,
        source_index: torch.Tensor,
        grid: tuple[int, int],
        blocks: Blocks,
        positions_on: torch.Tensor,
        values_on: torch.Tensor,
        value_index: torch.Tensor | None = None,
        text_values: bool = False,
    ) -> DenseInjection | None:
        """Build the injection into a batch of whole grids whose item 0 is the source branch.

        Args:
            source_index: (B, N) int64.
            grid: rows and columns.
            blocks: from `blocks`.
            positions_on, values_on: (B,) bool: the samples that inject positions and values.
            value_index: (B, N) int64, the source of values if it differs from that of positions.
            text_values: take the values of the text tokens from item 0 too.

        Returns:
            None if nothing is injected.
        """
        if not positions_on.any() and not values_on.any():
            return None
        rotary = None
        if positions_on.any() and blocks.positions:
            own = torch.arange(source_index.shape[1])
            index = prepend_text(
                torch.where(positions_on[:, None], source_index, own), self._text_tokens
            )
            rotary = gather_rotary(self._rotary(grid), index.to(self._device))
        if not values_on.any():
            blocks = Blocks(blocks.positions, frozenset())
        values = source_index if value_index is None else value_index
        return DenseInjection(
            values.to(self._device), blocks, rotary, self._none_if_all(values_on), text_values
        )

    def sparse_injection(
        self,
        memory: Recorder,
        active: Sequence[torch.Tensor],
        source_index: torch.Tensor,
        grid: tuple[int, int],
        blocks: Blocks,
        positions_on: torch.Tensor,
        values_on: torch.Tensor,
        position_index: torch.Tensor | None = None,
    ) -> SparseInjection:
        """Build the injection into the active tokens of K variants, which attend to `memory`.

        The input of `velocity` is the tokens of the first variant, then those of the second, ...

        Args:
            memory: what the source branch recorded at this evaluation.
            active: for each variant (m,) int64 image tokens.
            source_index: (K, N) int64.
            grid: rows and columns.
            blocks: from `blocks`.
            positions_on, values_on: (K,) bool: the variants that inject positions and values.
            position_index: (K, N) int64, the source of positions if it differs from that of values.
        """
        sizes = torch.tensor([len(tokens) for tokens in active])
        image = torch.cat(list(active))
        variant = torch.arange(len(active)).repeat_interleave(sizes)
        sources = (source_index[variant, image] + self._text_tokens).to(self._device)
        own = (image + self._text_tokens).to(self._device)
        rotary, injected = self._rotary(grid), None
        if positions_on.any() and blocks.positions:
            moved = sources
            if position_index is not None:
                moved = (position_index[variant, image] + self._text_tokens).to(self._device)
            moved = torch.where(positions_on[variant].to(self._device), moved, own)
            injected = gather_rotary(rotary, moved[None])
        if not values_on.any():
            blocks = Blocks(blocks.positions, frozenset())
        return SparseInjection(
            memory=memory,
            places=own.split(sizes.tolist()),
            sources=sources,
            blocks=blocks,
            rotary=gather_rotary(rotary, own[None]),
            injected=injected,
            values_on=self._none_if_all(values_on[variant][None]),
        )

    @torch.inference_mode()
    def velocity(
        self,
        tokens: torch.Tensor,
        t: float | Sequence[float],
        grid: tuple[int, int],
        injection: Injection | None = None,
        guidance: Sequence[float] = (1.0,),
        prompt: str = "",
    ) -> torch.Tensor:
        """Compute dz/dt of the rectified flow at time `t` in [0, 1] (0 = photo, 1 = noise).

        Args:
            tokens: (B, N, 64) latents, or with a sparse injection (1, M, 64), the active tokens of
                all its variants. Computed in the model's dtype and returned in that of `tokens`.
            t: time, one for all samples or one per sample.
            grid: rows and columns of the whole image, rows * columns = N.
            injection: from `dense_injection` or `sparse_injection`, a `Recorder`, or None for the
                plain model.
            guidance: one for all samples or one per sample, for models that embed it (FLUX.1-dev).
            prompt: text condition, for models with text encoders.
        """
        batch, conditioning = tokens.shape[0], self.prompts(prompt)
        text = conditioning.text
        if isinstance(injection, SparseInjection):
            text = text[:, :0]
        time = torch.tensor(t, dtype=torch.float32, device=self._device).expand(batch)
        scale = torch.tensor(guidance, dtype=torch.float32, device=self._device).expand(batch)
        out = self.transformer(
            hidden_states=tokens.to(self._device, self._dtype),
            encoder_hidden_states=text.expand(batch, -1, -1),
            pooled_projections=conditioning.pooled.expand(batch, -1),
            timestep=time,
            img_ids=image_ids(grid)[: tokens.shape[1]].to(self._device),
            txt_ids=torch.zeros(text.shape[1], 3, device=self._device),
            guidance=scale if self.transformer.config.guidance_embeds else None,
            joint_attention_kwargs=None if injection is None else {"injection": injection},
            return_dict=False,
        )[0]
        return out.to(tokens.device, tokens.dtype)

    @property
    def _text_tokens(self) -> int:
        """Number of text tokens ahead of the image tokens in the blocks' sequence."""
        return self.prompts.tokens

    def _rotary(self, grid: tuple[int, int]) -> Rotary:
        ids = torch.cat([torch.zeros(self._text_tokens, 3), image_ids(grid)])
        return self.transformer.pos_embed(ids.to(self._device))

    def _none_if_all(self, on: torch.Tensor) -> torch.Tensor | None:
        return None if on.all() else on.to(self._device)


def _load(kind: Any, folder: Path, part: str, dtype: torch.dtype) -> Any:
    """Load one model of the folder: safetensors only, every weight in the configured shape.

    Raises:
        ValueError: the weights are missing, damaged, or those of another model.
    """
    try:
        model, report = kind.from_pretrained(
            folder, subfolder=part, dtype=dtype, use_safetensors=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise ValueError(f"{folder / part}: cannot load the weights: {error}") from error
    wrong = {k: list(v)[:3] for k, v in report.items() if v}
    if wrong:
        raise ValueError(f"{folder / part}: weights of another model: {wrong}")
    return model


def _check_geometry(transformer: Any, vae: Any) -> None:
    """Raise ValueError unless the geometry is FLUX's, which the records assume.

    FLUX has 16 latent channels, 8x compression and tokens of 64 channels.
    """
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
