import math

import numpy as np
import pytest
import torch
from diffusers.models.transformers.transformer_flux import FluxAttnProcessor
from rounding import assert_equal_but_for_rounding

from benchmarks.meter import Meter
from benchmarks.released import Recipe, euler, fireflow, run_released
from stages.models.flow.tokens import image_ids
from stages.records.source_index import source_index

GRID = (8, 8)
TEXT = 5


@pytest.fixture(scope="module")
def recipe(flow):
    return Recipe(flow, GRID)


@pytest.fixture(scope="module")
def latents():
    return torch.randn(2, 1, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def index(task):
    return source_index(task.variants[0], GRID)


def with_text(index):
    return torch.cat([torch.arange(TEXT), torch.as_tensor(index) + TEXT])


@pytest.mark.parametrize("solver,evaluations", [("euler", 6), ("fireflow", 8)])
def test_evaluations_are_as_published_and_the_model_is_restored(
    flow, task, index, solver, evaluations
):
    blocks = [*flow.transformer.transformer_blocks, *flow.transformer.single_transformer_blocks]
    before = [block.attn.processor for block in blocks]
    picture, cost = Meter(flow).measure(
        lambda: run_released(flow, task.picture, index, "add", solver, 3)
    )
    assert cost.tokens == evaluations * (64 + TEXT)
    assert picture.shape == task.picture.shape and np.isfinite(picture).all()
    assert [block.attn.processor for block in blocks] == before


@torch.inference_mode()
def test_identity_mapping_replays_the_kept_values(recipe, latents, monkeypatch):
    monkeypatch.setattr("benchmarks.released.INJECTION_GUIDANCE", 1.0)
    with recipe.install():
        v, values = recipe.keep(latents[0], 0.4)
        again = recipe.replay(latents[0], 0.4, values, with_text(torch.arange(64)), positions=True)
    assert (
        len(values) == 1
    )  # the last of three single-stream blocks; the middle one injects neither
    assert_equal_but_for_rounding(again, v)


@torch.inference_mode()
@pytest.mark.parametrize("positions", [True, False])
def test_mapping_gathers_positions_early_and_values_late(flow, recipe, latents, index, positions):
    """Compared with the stock model whose layers are changed by hooks."""
    with recipe.install():
        _, values = recipe.keep(latents[0], 0.4)
        got = recipe.replay(latents[1], 0.4, values, with_text(index), positions)

    transformer = flow.transformer
    double, single = (
        list(transformer.transformer_blocks),
        list(transformer.single_transformer_blocks),
    )
    cos, sin = transformer.pos_embed(torch.cat([torch.zeros(TEXT, 3), image_ids(GRID)]))
    order = with_text(index)
    taken = order if positions else torch.arange(len(order))
    ours = [block.attn.processor for block in [*double, *single]]
    kept, hooks = {}, []
    for block in [*double, *single]:
        block.attn.set_processor(FluxAttnProcessor())
    for number, block in enumerate(single[2:]):
        hooks.append(
            block.attn.to_v.register_forward_hook(
                lambda _, __, out, n=number: (
                    kept.setdefault(n, out)[:, taken] if n in kept else kept.setdefault(n, out)
                )
            )
        )
    recipe.velocity(latents[0], 0.4, 1.0)
    if positions:
        for block in [*double, single[0]]:
            hooks.append(
                block.register_forward_pre_hook(
                    lambda _, args, kwargs: (
                        args,
                        kwargs | {"image_rotary_emb": (cos[order], sin[order])},
                    ),
                    with_kwargs=True,
                )
            )
    expected = recipe.velocity(latents[1], 0.4, 5.0)
    for hook in hooks:
        hook.remove()
    for block, processor in zip([*double, *single], ours, strict=True):
        block.attn.set_processor(processor)
    assert_equal_but_for_rounding(got, expected)
    assert not torch.allclose(got, recipe.velocity(latents[1], 0.4, 5.0))


@torch.inference_mode()
def test_without_kept_values_the_layers_use_their_own(recipe, latents, monkeypatch):
    monkeypatch.setattr("benchmarks.released.INJECTION_GUIDANCE", 1.0)
    with recipe.install():
        recipe.keep(latents[0], 0.4)
        found = recipe.replay(latents[1], 0.4, [], with_text(torch.arange(64)), positions=False)
    assert_equal_but_for_rounding(found, recipe.velocity(latents[1], 0.4, 1.0))


@pytest.mark.parametrize("solve,order,evaluations", [(euler, 1, 0), (fireflow, 2, 1)])
def test_solvers_have_their_order_in_both_directions(solve, order, evaluations):
    def error(steps, times):
        calls = []
        grid = [start + (end - start) * n / steps for start, end in [times] for n in range(steps)]
        grid.append(times[1])
        end = solve(lambda z, t: calls.append(t) or -z * t, torch.ones(1).double(), grid)
        assert len(calls) == steps + evaluations
        return abs(end.item() - math.exp((times[0] ** 2 - times[1] ** 2) / 2))

    for times in ((0.0, 1.0), (1.0, 0.0)):
        assert math.log2(error(32, times) / error(64, times)) == pytest.approx(order, abs=0.15)
