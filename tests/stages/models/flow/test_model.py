import numpy as np
import pytest
import torch
from rounding import assert_equal_but_for_rounding
from safetensors.torch import load_file, save_file

from stages.models.flow import model as module
from stages.models.flow.injection import Blocks, Recorder
from stages.models.flow.model import Flow


def picture(height=32, width=48):
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_encode_returns_the_normalised_mode_and_decode_inverts_it(flow):
    pixels = torch.from_numpy(picture()).permute(2, 0, 1)[None].float() / 127.5 - 1
    with torch.no_grad():
        mode = flow.vae.encode(pixels).latent_dist.mode()
        decoded = flow.vae.decode(mode).sample
    tokens = flow.encode(picture())
    assert tokens.shape == (1, 6, 64)
    assert_equal_but_for_rounding(module.unpack(tokens, (2, 3)), (mode - 0.1) * 0.5)
    pixels = flow.decode(tokens[0], (2, 3))
    assert pixels.shape == (32, 48, 3) and pixels.dtype == np.float32
    expected = ((decoded[0].permute(1, 2, 0) + 1) * 127.5).clamp(0, 255)
    assert_equal_but_for_rounding(pixels, expected)


def test_shift_is_linear_in_the_token_count(flow):
    assert flow.shift(256) == pytest.approx(0.5)
    assert flow.shift(4096) == pytest.approx(1.15)
    assert flow.shift(2176) == pytest.approx((0.5 + 1.15) / 2)


def test_sides_that_are_not_multiples_of_16_are_refused(flow):
    with pytest.raises(ValueError, match="16 px"):
        flow.encode(picture(32, 40))


def test_a_geometry_that_is_not_flux_is_refused(tmp_path, make_flow_folder):
    with pytest.raises(ValueError, match="latent_channels"):
        Flow.load(make_flow_folder(tmp_path, latent_channels=4))


def test_pickled_weights_are_not_loaded(tmp_path, make_flow_folder):
    folder = make_flow_folder(tmp_path)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    torch.save({}, weights.with_suffix(".bin"))
    weights.unlink()
    with pytest.raises(ValueError, match="transformer: cannot load the weights"):
        Flow.load(folder)


def test_a_crop_is_decoded_as_in_the_whole_image_except_near_its_cut(flow):
    rows = columns = 12
    tokens = torch.randn(rows, columns, 64, generator=torch.Generator().manual_seed(0))
    picture, statistics = flow.decode_whole(tokens.flatten(0, 1), (rows, columns))
    plain = flow.decode(tokens.flatten(0, 1), (rows, columns))
    assert_equal_but_for_rounding(picture, plain)
    piece = tokens[:, :9].flatten(0, 1)
    same = flow.decode_crop(piece, (rows, 9), statistics, (0, 0, 16 * rows, 16 * 9))
    # The receptive field of this decoder is less than eight tokens.
    np.testing.assert_allclose(same[:, :16], picture[:, :16], atol=0.05)
    alone = flow.decode(piece, (rows, 9))
    assert np.abs(alone[:, :16] - picture[:, :16]).max() > 0.5
    np.testing.assert_array_equal(flow.decode(piece, (rows, 9)), alone)


@pytest.mark.parametrize("wanted", [(70, 60, 101, 99), (0, 0, 30, 144), (150, 100, 192, 144)])
def test_a_region_is_decoded_as_in_the_crop_that_it_is_part_of(flow, wanted):
    tokens = torch.randn(12, 12, 64, generator=torch.Generator().manual_seed(0))
    _, statistics = flow.decode_whole(tokens.flatten(0, 1), (12, 12))
    crop = tokens[:, :9].flatten(0, 1), (12, 9), statistics
    top, left, bottom, right = wanted
    part, whole = flow.decode_crop(*crop, wanted), flow.decode_crop(*crop, (0, 0, 192, 144))
    assert part.shape == (bottom - top, right - left, 3)
    # The pixels that are left out reach none of the region's.
    np.testing.assert_allclose(part, whole[top:bottom, left:right], atol=1e-3)


@pytest.mark.parametrize("part", ["transformer", "vae"])
def test_weights_of_another_model_are_refused(tmp_path, make_flow_folder, part):
    folder = make_flow_folder(tmp_path)
    path = folder / part / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    weights.pop(sorted(weights)[0])
    save_file(weights, path)
    with pytest.raises(ValueError, match=rf"{part}: weights of another model"):
        Flow.load(folder)
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=rf"{part}: cannot load the weights"):
        Flow.load(folder)


@pytest.mark.slow
def test_compiled_once_for_every_mapping_and_batch(flow_folder, flow):
    compiled = Flow.load(flow_folder)
    compiled.transformer.compile(dynamic=True, backend="eager")
    every = frozenset(range(4))
    blocks, on = Blocks(every, every), torch.ones(3, dtype=torch.bool)

    def run(model, seed, size):
        rng = torch.Generator().manual_seed(seed)
        tokens = torch.randn(3, 20, 64, generator=rng)
        index = torch.randint(20, (3, 20), generator=rng)
        memory = Recorder()
        source = model.velocity(tokens[:1], 0.1 * seed, (4, 5), memory)
        active = [torch.randperm(20, generator=rng)[: size + n] for n in range(3)]
        sparse = model.sparse_injection(memory, active, index, (4, 5), blocks, on, on)
        inputs = tokens.flatten(0, 1)[None, : sum(map(len, active))]
        flaws = model.velocity(inputs, 0.1 * seed, (4, 5), sparse)
        dense = model.dense_injection(index, (4, 5), blocks, on, on)
        return source, flaws, model.velocity(tokens, 0.1 * seed, (4, 5), dense)

    torch._dynamo.reset()
    for warm, size in ((1, 5), (2, 7)):
        run(compiled, warm, size)
    with torch.compiler.set_stance("fail_on_recompile"):
        for seed, size in ((3, 5), (4, 9), (5, 12)):
            for a, b in zip(run(compiled, seed, size), run(flow, seed, size), strict=True):
                assert_equal_but_for_rounding(a, b)


def test_off_loading_does_not_change_results(flow_folder, flow):
    tokens = torch.randn(1, 20, 64)
    moved = Flow.load(flow_folder, offload=True)
    assert_equal_but_for_rounding(
        moved.velocity(tokens, 0.5, (4, 5)), flow.velocity(tokens, 0.5, (4, 5))
    )
    assert_equal_but_for_rounding(moved.decode(tokens[0], (4, 5)), flow.decode(tokens[0], (4, 5)))
