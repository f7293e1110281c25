import pytest
import torch
from rounding import assert_equal_but_for_rounding
from tiny_flow import save_encoders

from stages.models.flow.injection import Blocks, Recorder
from stages.models.flow.model import Flow
from stages.models.flow.text import TextEncoders, ZeroToken

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def full_folder(tmp_path_factory, make_flow_folder):
    folder = make_flow_folder(tmp_path_factory.mktemp("full"), guidance=True)
    save_encoders(folder)
    return folder


def test_without_encoders_the_text_is_one_zero_token(flow):
    zero = ZeroToken(flow.transformer.config, torch.float32, CPU)("")
    assert zero.text.shape == (1, 1, 8) and zero.pooled.shape == (1, 8)
    assert not zero.text.any() and not zero.pooled.any()
    assert torch.equal(flow.prompts("").text, zero.text)
    with pytest.raises(ValueError, match="no text encoders"):
        flow.velocity(torch.randn(1, 6, 64), 0.5, (2, 3), prompt="a cat")


def test_each_prompt_is_encoded_once_by_both_encoders(full_folder, monkeypatch):
    encoders = TextEncoders(full_folder, torch.float32, CPU)
    empty, other = encoders(""), encoders("a b")
    assert not torch.equal(empty.pooled, other.pooled)
    with monkeypatch.context() as patch:
        patch.setattr(encoders, "_encode", None)
        assert encoders("") is empty and encoders("a b") is other
    assert empty.text.shape == (1, 512, 8) and empty.pooled.shape == (1, 8)
    assert empty.text.std() > 0.1 and empty.pooled.std() > 0.1


def test_encoders_load_once_and_only_the_last_prompts_are_cached(full_folder, monkeypatch):
    from diffusers.pipelines.flux.pipeline_flux import FluxPipeline

    loads = []
    load = FluxPipeline.from_pretrained

    def count_loads(*arguments, **options):
        loads.append(arguments)
        return load(*arguments, **options)

    monkeypatch.setattr(FluxPipeline, "from_pretrained", count_loads)
    encoders = TextEncoders(full_folder, torch.float32, CPU)
    encoders.max_cached = 2
    first = encoders("a")
    for prompt in ("b", "a", "c"):
        encoders(prompt)
    assert len(loads) == 1 and encoders("a") is first
    assert len(encoders._cached) == 2 and "b" not in encoders._cached


def test_a_full_pipeline_folder_loads_and_uses_guidance(full_folder):
    tokens = torch.randn(2, 6, 64)
    flow = Flow.load(full_folder)
    every, on = frozenset(range(4)), torch.ones(2, dtype=torch.bool)
    blocks = Blocks(every, every)
    injection = flow.dense_injection(torch.arange(6).expand(2, 6), (2, 3), blocks, on, on)
    v = flow.velocity(tokens, 0.5, (2, 3), injection)
    assert v.shape == tokens.shape and torch.isfinite(v).all()
    strong = flow.velocity(tokens, 0.5, (2, 3), injection, guidance=[1.0, 5.0])
    assert_equal_but_for_rounding(strong[0], v[0])
    assert (strong[1] - v[1]).abs().max() > 1e-4
    memory = Recorder()
    full = flow.velocity(tokens[:1], 0.5, (2, 3), memory)
    assert memory.keys[3].shape[1] == 512 + 6
    active, identity = torch.tensor([1, 4]), torch.arange(6)[None]
    some = flow.sparse_injection(memory, [active], identity, (2, 3), blocks, on[:1], on[:1])
    found = flow.velocity(tokens[:1, [1, 4]], 0.5, (2, 3), some)
    assert_equal_but_for_rounding(found, full[:, [1, 4]])


def test_bfloat16_computes_in_bfloat16_and_returns_the_input_dtype(flow_folder, flow):
    tokens = torch.randn(1, 6, 64)
    half = Flow.load(flow_folder, dtype=torch.bfloat16)
    v = half.velocity(tokens, 0.5, (2, 3))
    assert half.transformer.dtype == torch.bfloat16 and v.dtype == torch.float32
    torch.testing.assert_close(v, flow.velocity(tokens, 0.5, (2, 3)), atol=0.3, rtol=0.2)
