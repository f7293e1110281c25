import numpy as np
import pytest
import torch
from rounding import assert_equal_but_for_rounding

from stages.models.flow.injection import (
    Blocks,
    Recorder,
    gather_rotary,
    prepend_text,
    rotate,
    stream_values,
)
from stages.models.flow.tokens import image_ids

GRID = (4, 5)
TOKENS = 20
EVERY = frozenset(range(4))
POSITIONS, VALUES, BOTH = (
    Blocks(EVERY, frozenset()),
    Blocks(frozenset(), EVERY),
    Blocks(EVERY, EVERY),
)
LATE = Blocks(frozenset({0, 1}), frozenset({2, 3}))


def dense(flow, index, blocks):
    on = torch.ones(len(index), dtype=torch.bool)
    return flow.dense_injection(index, GRID, blocks, on, on)


def sparse(flow, memory, active, index, blocks):
    on = torch.ones(len(index), dtype=torch.bool)
    return flow.sparse_injection(memory, active, index, GRID, blocks, on, on)


def stock(flow, tokens, t, ids):
    """The same weights through diffusers' own processor."""
    from diffusers.models.transformers.transformer_flux import FluxAttnProcessor

    from stages.models.flow.model import FluxTransformer2DModel

    model = FluxTransformer2DModel.from_config(flow.transformer.config).eval()
    model.load_state_dict(flow.transformer.state_dict())
    assert all(type(p) is FluxAttnProcessor for p in model.attn_processors.values())
    batch = len(tokens)
    with torch.no_grad():
        return model(
            hidden_states=tokens,
            encoder_hidden_states=torch.zeros(batch, 1, 8),
            pooled_projections=torch.zeros(batch, 8),
            timestep=torch.full((batch,), t),
            img_ids=ids,
            txt_ids=torch.zeros(1, 3),
        ).sample


@pytest.fixture
def tokens():
    return torch.randn(3, TOKENS, 64, generator=torch.Generator().manual_seed(1))


def test_no_injection_equals_the_stock_model(flow, tokens):
    expected = stock(flow, tokens, 0.4, image_ids(GRID))
    assert_equal_but_for_rounding(flow.velocity(tokens, 0.4, GRID), expected)


@pytest.mark.parametrize("blocks", [POSITIONS, VALUES, BOTH, LATE])
def test_identity_indices_equal_the_stock_model(flow, tokens, blocks):
    same = tokens[:1]
    identity = torch.arange(TOKENS)[None]
    injection = dense(flow, identity, blocks)
    expected = stock(flow, same, 0.4, image_ids(GRID))
    assert_equal_but_for_rounding(flow.velocity(same, 0.4, GRID, injection), expected)


def test_positions_of_a_batch_equal_single_runs_with_edited_ids(flow, tokens):
    index = torch.arange(TOKENS).repeat(3, 1)
    index[1, [3, 7]] = torch.tensor([12, 13])
    index[2, [0, 1, 2]] = torch.tensor([19, 18, 17])
    batch = flow.velocity(tokens, 0.7, GRID, dense(flow, index, POSITIONS))
    for item in range(3):
        alone = stock(flow, tokens[item : item + 1], 0.7, image_ids(GRID)[index[item]])
        assert_equal_but_for_rounding(batch[item : item + 1], alone)
    plain = flow.velocity(tokens, 0.7, GRID)
    assert (batch[1] - plain[1]).abs().max() > 1e-3


def test_gathers_equal_a_loop_over_tokens():
    rng = np.random.default_rng(0)
    index = torch.from_numpy(rng.integers(0, TOKENS, (3, TOKENS)))
    value = torch.randn(3, 2 + TOKENS, 2, 4)
    streamed = stream_values(value, index)
    cos, sin = torch.randn(2 + TOKENS, 4), torch.randn(2 + TOKENS, 4)
    gathered = gather_rotary((cos, sin), prepend_text(index, 2))
    off = stream_values(value, index, torch.tensor([True, False, True]))
    assert torch.equal(off[1], value[1]) and torch.equal(off[2], streamed[2])
    for b in range(3):
        assert torch.equal(streamed[b, :2], value[b, :2])
        assert torch.equal(gathered[1][b, :2], sin[:2])
        for k in range(TOKENS):
            source = 2 + int(index[b, k])
            assert torch.equal(streamed[b, 2 + k], value[0, source])
            assert torch.equal(gathered[0][b, 2 + k], cos[source])


def test_rotation_equals_diffusers_rotation():
    from diffusers.models.embeddings import apply_rotary_emb

    x, cos, sin = torch.randn(2, 7, 3, 8), torch.randn(7, 8), torch.randn(7, 8)
    expected = apply_rotary_emb(x, (cos, sin), sequence_dim=1)
    found = rotate(x, (cos.expand(2, 7, 8), sin.expand(2, 7, 8)))
    assert_equal_but_for_rounding(found, expected)


def test_values_come_from_the_source_branch_only_in_enabled_blocks(flow, tokens):
    index = torch.arange(TOKENS).repeat(3, 1)
    on = flow.velocity(tokens, 0.5, GRID, dense(flow, index, VALUES))
    part = flow.velocity(tokens, 0.5, GRID, dense(flow, index, Blocks(frozenset(), frozenset({3}))))
    off = flow.velocity(tokens, 0.5, GRID)
    assert_equal_but_for_rounding(on[0], off[0])
    assert (on[1] - off[1]).abs().max() > 1e-3
    assert (on[1] - part[1]).abs().max() > 1e-3


def test_each_sample_is_enabled_on_its_own(flow, tokens):
    index = torch.arange(TOKENS).repeat(3, 1)
    index[1:, [3, 7]] = torch.tensor([12, 13])
    yes, no = torch.tensor([True, True, True]), torch.tensor([True, False, True])
    all_on = flow.velocity(tokens, 0.5, GRID, flow.dense_injection(index, GRID, BOTH, yes, yes))
    some = flow.velocity(tokens, 0.5, GRID, flow.dense_injection(index, GRID, BOTH, no, no))
    plain = flow.velocity(tokens, 0.5, GRID)
    assert_equal_but_for_rounding(some[1], plain[1])
    assert_equal_but_for_rounding(some[2], all_on[2])
    assert flow.dense_injection(index, GRID, BOTH, ~yes, ~yes) is None


def test_the_recorder_changes_nothing_and_keeps_every_block(flow, tokens):
    memory = Recorder()
    recorded = flow.velocity(tokens[:1], 0.4, GRID, memory)
    assert_equal_but_for_rounding(recorded, stock(flow, tokens[:1], 0.4, image_ids(GRID)))
    assert set(memory.keys) == set(memory.values) == set(EVERY)
    assert memory.keys[0].shape == (1, 1 + TOKENS, 2, 16)


@pytest.mark.parametrize("blocks", [POSITIONS, VALUES, BOTH, LATE])
def test_sparse_identity_equals_the_source_branch_at_the_active_tokens(flow, tokens, blocks):
    memory = Recorder()
    full = flow.velocity(tokens[:1], 0.4, GRID, memory)
    active = [torch.tensor([4, 5, 9, 10]), torch.tensor([0, 1, 2])]
    identity = torch.arange(TOKENS).repeat(2, 1)
    inputs = tokens[:1, torch.cat(active)]
    found = flow.velocity(inputs, 0.4, GRID, sparse(flow, memory, active, identity, blocks))
    assert_equal_but_for_rounding(found, full[:, torch.cat(active)])


LAST = frozenset({3})


@pytest.mark.parametrize(
    "blocks", [Blocks(LAST, frozenset()), Blocks(frozenset(), LAST), Blocks(LAST, LAST)]
)
def test_sparse_equals_dense_in_the_last_block(flow, tokens, blocks):
    """Background and text still equal the source's in the last block, so nothing is approximate."""
    same = tokens[:1].expand(2, -1, -1)
    index = torch.arange(TOKENS).repeat(2, 1)
    index[1, [3, 7, 8]] = torch.tensor([12, 13, 14])
    expected = flow.velocity(same, 0.4, GRID, dense(flow, index, blocks))[1]
    memory = Recorder()
    plain = flow.velocity(same[:1], 0.4, GRID, memory)[0]
    active = torch.tensor([2, 3, 7, 8])
    found = flow.velocity(
        same[:1, active], 0.4, GRID, sparse(flow, memory, [active], index[1:], blocks)
    )
    assert_equal_but_for_rounding(found[0], expected[active])
    assert (found[0] - plain[active]).abs().max() > 1e-4


def test_variants_in_one_pass_equal_variants_alone(flow, tokens):
    """Each attends to its own tokens, with its own mapping and its own injection on or off."""
    memory = Recorder()
    flow.velocity(tokens[:1], 0.4, GRID, memory)
    index = torch.arange(TOKENS).repeat(3, 1)
    index[0, 4], index[1, [4, 6]], index[2, 17] = 12, torch.tensor([1, 2]), 3
    active = [torch.tensor([4, 5, 9]), torch.tensor([4, 6]), torch.tensor([16, 17, 18, 19])]
    positions, values = torch.tensor([True, False, True]), torch.tensor([False, True, True])

    def run(rows):
        parts = [active[row] for row in rows]
        inputs = torch.cat([tokens[row, active[row]] for row in rows])[None]
        injection = flow.sparse_injection(
            memory, parts, index[rows], GRID, BOTH, positions[rows], values[rows]
        )
        return flow.velocity(inputs, 0.4, GRID, injection)[0].split([len(part) for part in parts])

    for row, together in enumerate(run([0, 1, 2])):
        (alone,) = run([row])
        assert_equal_but_for_rounding(together, alone)


@pytest.mark.parametrize(
    ("positions", "values", "expected"),
    [
        ((1.0, 0.5), (0.0, 0.5), ({0, 1, 2}, {2, 3})),
        ((0.0, 0.0), (1.0, 1.0), (set(), {0, 1, 2, 3})),
    ],
)
def test_blocks_are_counted_from_the_front_and_from_the_back(flow, positions, values, expected):
    blocks = flow.blocks(positions, values)
    assert (set(blocks.positions), set(blocks.values)) == expected
