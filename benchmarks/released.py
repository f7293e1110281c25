"""Run the released recipe in a plain implementation, to time the published method.

The recipe is that of krafton-ai/Artiagent at f4f409a.

One photo, one flaw, dense: encode, invert and keep the values of every evaluation, denoise with
gathered values and positions, decode. Euler with 25 + 25 steps takes 50 evaluations, FireFlow with
8 + 8 steps takes 18. Weights, timesteps and the autoencoder's calls are those of the stages;
attention, solvers and the order of operations are implemented here again, on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from stages.models.flow.solvers import schedule
from stages.models.flow.tokens import image_ids
from stages.models.networks import torchvision_import
from stages.models.protocols import Image
from stages.records.documents import TOKEN
from stages.records.source_index import Index
from stages.tools import Tool

torchvision_import.prepare()  # before diffusers: its model classes import torchvision

from diffusers.models.attention_dispatch import dispatch_attention_fn  # noqa: E402
from diffusers.models.embeddings import apply_rotary_emb  # noqa: E402
from diffusers.models.transformers.transformer_flux import FluxAttnProcessor  # noqa: E402

from stages.models.flow.model import Flow  # noqa: E402

Solver = Literal["euler", "fireflow"]
POSITION_STEPS: dict[Tool, float] = {"add": 1.0, "remove": 1.0, "distort": 0.6, "fuse": 0.6}
"""Share of the evaluations, from the first on, in which positions are gathered, and values by the
mapping. Afterwards values are those of the same token."""
VALUE_STEPS = 0.8
"""Share of the evaluations in which values are replaced."""
LATE = 18 / 38
"""Share of the single-stream blocks, the last ones, whose values are replaced."""
INVERSION_GUIDANCE, INJECTION_GUIDANCE = 1.0, 5.0
"""Guidance for models that embed it."""
Values = list[torch.Tensor]
"""The values of one evaluation: (1, S, H * D) for every layer that keeps them."""


class PositionAttention(FluxAttnProcessor):
    """Attention of double and early single layers: the stock one, with `rotary` while it is set."""

    def __init__(self) -> None:
        super().__init__()
        self.rotary: tuple[torch.Tensor, torch.Tensor] | None = None
        """cos and sin, (S, D), of pe' = pe[source_index]."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: Any = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> Any:
        """Compute one attention layer."""
        rotary: Any = image_rotary_emb if self.rotary is None else self.rotary
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, rotary)


class ValueAttention(FluxAttnProcessor):
    """Attention of late single layers: keep the values, or replace them by gathered ones.

    v' = v[source_index], of the values that were kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: torch.Tensor | None = None
        """(1, S, H * D): the values of the last forward pass."""
        self.replayed: torch.Tensor | None = None
        """(1, S, H * D): gathered values; None while values are kept."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: Any = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> Any:
        """Compute one attention layer over (1, S, C), text tokens first."""
        heads = (attn.heads, attn.head_dim)
        query = attn.norm_q(attn.to_q(hidden_states).unflatten(-1, heads))
        key = attn.norm_k(attn.to_k(hidden_states).unflatten(-1, heads))
        query = apply_rotary_emb(query, image_rotary_emb, sequence_dim=1)
        key = apply_rotary_emb(key, image_rotary_emb, sequence_dim=1)
        if self.replayed is None:
            value = self.kept = attn.to_v(hidden_states)
        else:
            value = self.replayed
        value = value.unflatten(-1, heads)
        return dispatch_attention_fn(query, key, value).flatten(2)  # pyright: ignore[reportArgumentType]


class Recipe:
    """A loaded flow model with the attention of the released recipe.

    Args:
        flow: the model; `install` restores it on exit.
        grid: rows and columns of the window.
    """

    def __init__(self, flow: Flow, grid: tuple[int, int]) -> None:
        self.flow, self.grid = flow, grid
        self.embeddings = flow.prompts("")
        self.text = self.embeddings.text.shape[1]
        self.ids = image_ids(grid).to(self.embeddings.text.device)
        self.text_ids = torch.zeros(self.text, 3, device=self.ids.device)
        double = list(flow.transformer.transformer_blocks)
        single = list(flow.transformer.single_transformer_blocks)
        early, late = single[: len(single) // 2], single[len(single) - round(LATE * len(single)) :]
        self.early = [(block.attn, PositionAttention()) for block in [*double, *early]]
        self.late = [(block.attn, ValueAttention()) for block in late]

    @contextmanager
    def install(self) -> Iterator[None]:
        """Give the model the recipe's attention layers within the context."""
        before = [(attn, attn.processor) for attn, _ in [*self.early, *self.late]]
        for attn, processor in [*self.early, *self.late]:
            attn.set_processor(processor)
        try:
            yield
        finally:
            for attn, processor in before:
                attn.set_processor(processor)

    def velocity(self, z: torch.Tensor, t: float, guidance: float) -> torch.Tensor:
        """Evaluate the velocity of (1, N, 64) at time `t`, in float32."""
        transformer, text = self.flow.transformer, self.embeddings.text
        return transformer(
            hidden_states=z.to(text.dtype),
            encoder_hidden_states=text,
            pooled_projections=self.embeddings.pooled,
            timestep=torch.tensor([t], device=z.device),
            img_ids=self.ids,
            txt_ids=self.text_ids,
            guidance=torch.tensor([guidance], device=z.device)
            if transformer.config.guidance_embeds
            else None,
            return_dict=False,
        )[0].float()

    def keep(self, z: torch.Tensor, t: float) -> tuple[torch.Tensor, Values]:
        """Return the velocity of the inversion and the values of its layers."""
        for _, layer in self.early:
            layer.rotary = None
        for _, layer in self.late:
            layer.replayed = None
        v = self.velocity(z, t, INVERSION_GUIDANCE)
        return v, [layer.kept for _, layer in self.late if layer.kept is not None]

    def replay(
        self, z: torch.Tensor, t: float, values: Values, index: torch.Tensor, positions: bool
    ) -> torch.Tensor:
        """Return the velocity with the kept values in place.

        Positions and values are gathered by (S,) `index` if `positions` is true; otherwise each
        token takes its own kept value. With no `values` the layers use their own.
        """
        rotary = None
        if positions:
            cos, sin = self.flow.transformer.pos_embed(torch.cat([self.text_ids, self.ids]))
            rotary = cos[index], sin[index]
        for _, layer in self.early:
            layer.rotary = rotary
        for number, (_, layer) in enumerate(self.late):
            kept = values[number] if values else None
            layer.replayed = kept[:, index] if kept is not None and positions else kept
        return self.velocity(z, t, INJECTION_GUIDANCE)


@torch.inference_mode()
def run_released(
    flow: Flow, picture: Image, index: Index, tool: Tool, solver: Solver, steps: int
) -> NDArray[np.float32]:
    """Render one flaw by the released recipe; return it decoded, (H, W, 3) float32 in 0..255.

    Args:
        flow: the model.
        picture: (H, W, 3) uint8, the window.
        index: (N,) source index.
        tool: decides how long positions are injected.
        solver: Euler or FireFlow.
        steps: number of steps of the inversion and of the injection.
    """
    grid = (picture.shape[0] // TOKEN, picture.shape[1] // TOKEN)
    recipe = Recipe(flow, grid)
    times = schedule(steps, flow.shift(len(index)))
    z = flow.encode(picture).float()
    text = recipe.text
    gather = torch.cat([torch.arange(text), torch.from_numpy(index) + text]).to(z.device)
    kept: list[Values] = []

    def keep(z: torch.Tensor, t: float) -> torch.Tensor:
        v, values = recipe.keep(z, t)
        kept.append(values)
        return v

    def replay(z: torch.Tensor, t: float) -> torch.Tensor:
        values, positions = script.pop(0)
        return recipe.replay(z, t, values, gather, positions)

    solve = euler if solver == "euler" else fireflow
    with recipe.install():
        z = solve(keep, z, times)
        order = kept[::-1]
        if solver == "fireflow":  # no values were kept at t = 1; the first at t = 0 go unused
            order = [order[0], *order[:-1]]
        until = round(POSITION_STEPS[tool] * len(order))
        replaced = round(VALUE_STEPS * len(order))
        script = [
            (values if number < replaced else [], number < until)
            for number, values in enumerate(order)
        ]
        z = solve(replay, z, times[::-1])
    return flow.decode(z[0], grid)


Velocity = Callable[[torch.Tensor, float], torch.Tensor]


def euler(velocity: Velocity, z: torch.Tensor, times: Sequence[float]) -> torch.Tensor:
    """Integrate `z` to the last of `times`, with one evaluation per step."""
    for start, end in pairwise(times):
        z = z + (end - start) * velocity(z, start)
    return z


def fireflow(velocity: Velocity, z: torch.Tensor, times: Sequence[float]) -> torch.Tensor:
    """Integrate `z` to the last of `times`, with one evaluation per step and one at the start."""
    v = velocity(z, times[0])
    for start, end in pairwise(times):
        middle = z + (end - start) / 2 * v
        v = velocity(middle, (start + end) / 2)
        z = z + (end - start) * v
    return z
