import numpy as np
import pytest
import torch

from stages.models.flow_attention import gather_rotary, rotate, stream_values
from stages.models.flow_tokens import image_ids

GRID = (4, 5)
TOKENS = 20


def stock(flow, tokens, t, ids):
    """The same weights through diffusers' own processor."""
    from diffusers.models.transformers.transformer_flux import FluxAttnProcessor

    from stages.models.flow import FluxTransformer2DModel

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


def test_no_injection_equals_the_stock_model_exactly(flow, tokens):
    expected = stock(flow, tokens, 0.4, image_ids(GRID))
    assert torch.equal(flow.velocity(tokens, 0.4, GRID), expected)


@pytest.mark.parametrize(("positions", "values"), [(1.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.5, 0.5)])
def test_identity_indices_equal_the_stock_model_exactly(flow, tokens, positions, values):
    same = tokens[:1]
    identity = torch.arange(TOKENS)[None]
    injection = flow.inject(identity, GRID, positions, values)
    expected = stock(flow, same, 0.4, image_ids(GRID))
    assert torch.equal(flow.velocity(same, 0.4, GRID, injection), expected)


def test_positions_of_a_batch_equal_single_runs_with_edited_ids(flow, tokens):
    index = torch.arange(TOKENS).repeat(3, 1)
    index[1, [3, 7]] = torch.tensor([12, 13])
    index[2, [0, 1, 2]] = torch.tensor([19, 18, 17])
    batch = flow.velocity(tokens, 0.7, GRID, flow.inject(index, GRID, 1.0, 0.0))
    for item in range(3):
        alone = stock(flow, tokens[item : item + 1], 0.7, image_ids(GRID)[index[item]])
        torch.testing.assert_close(batch[item : item + 1], alone, atol=2e-6, rtol=1e-5)
    plain = flow.velocity(tokens, 0.7, GRID)
    assert (batch[1] - plain[1]).abs().max() > 1e-3


def test_gathers_equal_token_by_token_code():
    rng = np.random.default_rng(0)
    index = torch.from_numpy(rng.integers(0, TOKENS, (3, TOKENS)))
    value = torch.randn(3, 2 + TOKENS, 2, 4)
    streamed = stream_values(value, index)
    cos, sin = torch.randn(2 + TOKENS, 4), torch.randn(2 + TOKENS, 4)
    gathered = gather_rotary((cos, sin), index)
    for b in range(3):
        assert torch.equal(streamed[b, :2], value[b, :2])
        assert torch.equal(gathered[1][b, :2], sin[:2])
        for k in range(TOKENS):
            source = 2 + int(index[b, k])
            assert torch.equal(streamed[b, 2 + k], value[0, source])
            assert torch.equal(gathered[0][b, 2 + k], cos[source])


def test_rotation_is_diffusers_rotation():
    from diffusers.models.embeddings import apply_rotary_emb

    x, cos, sin = torch.randn(2, 7, 3, 8), torch.randn(7, 8), torch.randn(7, 8)
    expected = apply_rotary_emb(x, (cos, sin), sequence_dim=1)
    assert torch.equal(rotate(x, (cos.expand(2, 7, 8), sin.expand(2, 7, 8))), expected)


def test_values_come_from_the_source_branch_only_where_switched_on(flow, tokens):
    index = torch.arange(TOKENS).repeat(3, 1)
    on = flow.velocity(tokens, 0.5, GRID, flow.inject(index, GRID, 0.0, 1.0))
    part = flow.velocity(tokens, 0.5, GRID, flow.inject(index, GRID, 0.0, 0.25))
    off = flow.velocity(tokens, 0.5, GRID)
    torch.testing.assert_close(on[0], off[0], atol=1e-6, rtol=1e-5)
    assert (on[1] - off[1]).abs().max() > 1e-3
    assert (on[1] - part[1]).abs().max() > 1e-3
    assert flow.inject(index, GRID, 0.5, 0.25).position_blocks == {0, 1}
    assert flow.inject(index, GRID, 0.5, 0.25).value_blocks == {3}
