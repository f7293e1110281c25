"""The released recipe written plainly: what the published method costs without our engine.

One photo, one flaw, dense: encode, invert while every evaluation's values are kept, denoise with
values and positions gathered, decode. Euler with 25 + 25 steps takes 50 evaluations, FireFlow with
8 + 8 steps 18. Weights, timesteps and the autoencoder's calls are the factory's; attention, solvers
and the order of things are written here once more, on purpose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from stages.inject.tokens import Index
from stages.models.flow.solvers import schedule
from stages.models.flow.tokens import image_ids
from stages.models.networks import torchvision_import
from stages.models.protocols import Image
from stages.records.documents import TOKEN, Tool

torchvision_import.prepare()  # before diffusers: its model classes import torchvision

from diffusers.models.attention_dispatch import dispatch_attention_fn  # noqa: E402
from diffusers.models.embeddings import apply_rotary_emb  # noqa: E402
from diffusers.models.transformers.transformer_flux import FluxAttnProcessor  # noqa: E402

from stages.models.flow.model import Flow  # noqa: E402

Solver = Literal["euler", "fireflow"]
POSITION_STEPS: dict[Tool, float] = {"add": 0.3, "remove": 0.4, "distort": 0.6, "fuse": 0.5}
"""Share of the evaluations, from the first on, with gathered positions."""
INVERSION_GUIDANCE, INJECTION_GUIDANCE = 1.0, 5.0
"""For models that embed it."""
Values = list[torch.Tensor]
"""One evaluation's values, (1, S, H * D) of every layer that keeps them."""


class PositionAttention(FluxAttnProcessor):
    """Double and early single layers: the stock attention, with `rotary` while it is set."""

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
        """One attention layer."""
        rotary: Any = image_rotary_emb if self.rotary is None else self.rotary
        return super().__call__(attn, hidden_states, encoder_hidden_states, attention_mask, rotary)


class ValueAttention(FluxAttnProcessor):
    """Late single layers: values are kept, or kept ones take their place, v' = v[source_index]."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: torch.Tensor | None = None
        """(1, S, H * D): what the last forward had."""
        self.replayed: torch.Tensor | None = None
        """(1, S, H * D), gathered; None while values are kept."""

    def __call__(
        self,
        attn: Any,
        hidden_states: torch.Tensor,
        encoder_hidden_states: Any = None,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: Any = None,
    ) -> Any:
        """One attention layer over (1, S, C), text tokens first."""
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
    """A loaded flow model with the released recipe's attention in it.

    Args:
        flow: the model; `installed` gives it back as it was.
        grid: rows and columns of the window.
    """

    def __init__(self, flow: Flow, grid: tuple[int, int]) -> None:
        self.flow, self.grid = flow, grid
        self.told = flow.prompts("")
        self.text = self.told.text.shape[1]
        self.ids = image_ids(grid).to(self.told.text.device)
        self.text_ids = torch.zeros(self.text, 3, device=self.ids.device)
        double = list(flow.transformer.transformer_blocks)
        single = list(flow.transformer.single_transformer_blocks)
        half = len(single) // 2
        self.early = [(block.attn, PositionAttention()) for block in [*double, *single[:half]]]
        self.late = [(block.attn, ValueAttention()) for block in single[half:]]

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Within, the model's layers are the recipe's."""
        before = [(attn, attn.processor) for attn, _ in [*self.early, *self.late]]
        for attn, processor in [*self.early, *self.late]:
            attn.set_processor(processor)
        try:
            yield
        finally:
            for attn, processor in before:
                attn.set_processor(processor)

    def velocity(self, z: torch.Tensor, t: float, guidance: float) -> torch.Tensor:
        """One evaluation of (1, N, 64) at time `t`, in float32."""
        transformer, like = self.flow.transformer, self.told.text
        return transformer(
            hidden_states=z.to(like.dtype),
            encoder_hidden_states=like,
            pooled_projections=self.told.pooled,
            timestep=torch.tensor([t], device=z.device),
            img_ids=self.ids,
            txt_ids=self.text_ids,
            guidance=torch.tensor([guidance], device=z.device)
            if transformer.config.guidance_embeds
            else None,
            return_dict=False,
        )[0].float()

    def keep(self, z: torch.Tensor, t: float) -> tuple[torch.Tensor, Values]:
        """Velocity of the inversion, and the values it went through."""
        for _, layer in self.early:
            layer.rotary = None
        for _, layer in self.late:
            layer.replayed = None
        v = self.velocity(z, t, INVERSION_GUIDANCE)
        return v, [layer.kept for _, layer in self.late if layer.kept is not None]

    def replay(
        self, z: torch.Tensor, t: float, values: Values, index: torch.Tensor, positions: bool
    ) -> torch.Tensor:
        """Velocity with kept values, and positions where wanted, gathered by (S,) `index`."""
        rotary = None
        if positions:
            cos, sin = self.flow.transformer.pos_embed(torch.cat([self.text_ids, self.ids]))
            rotary = cos[index], sin[index]
        for _, layer in self.early:
            layer.rotary = rotary
        for (_, layer), value in zip(self.late, values, strict=True):
            layer.replayed = value[:, index]
        return self.velocity(z, t, INJECTION_GUIDANCE)


@torch.inference_mode()
def released(
    flow: Flow, picture: Image, index: Index, tool: Tool, solver: Solver, steps: int
) -> NDArray[np.float32]:
    """One flaw by the released recipe, decoded: (H, W, 3) float32 in 0..255.

    Args:
        flow: the model.
        picture: (H, W, 3) uint8, the window.
        index: (N,) source index.
        tool: decides how long positions are injected.
        solver: Euler or FireFlow.
        steps: each way.
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
    with recipe.installed():
        z = solve(keep, z, times)
        order = kept[::-1]
        if solver == "fireflow":  # none was kept at t = 1; the first at t = 0 is not wanted back
            order = [order[0], *order[:-1]]
        until = round(POSITION_STEPS[tool] * len(order))
        script = [(values, number < until) for number, values in enumerate(order)]
        z = solve(replay, z, times[::-1])
    return flow.decode(z[0], grid)


Velocity = Callable[[torch.Tensor, float], torch.Tensor]


def euler(velocity: Velocity, z: torch.Tensor, times: Sequence[float]) -> torch.Tensor:
    """z at the last of `times`; one evaluation a step."""
    for start, end in pairwise(times):
        z = z + (end - start) * velocity(z, start)
    return z


def fireflow(velocity: Velocity, z: torch.Tensor, times: Sequence[float]) -> torch.Tensor:
    """z at the last of `times`; one evaluation a step and one to begin with."""
    v = velocity(z, times[0])
    for start, end in pairwise(times):
        middle = z + (end - start) / 2 * v
        v = velocity(middle, (start + end) / 2)
        z = z + (end - start) * v
    return z
