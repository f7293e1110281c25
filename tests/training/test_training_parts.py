"""Test the parts of training: kernel, optimiser, batches, normalisation, workers."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from training import export, fused_norm, models, optim, transformer
from training.data import random_crop


def test_fused_norm_equals_group_norm_and_silu(tmp_path):
    kernel = fused_norm.compile_kernel(tmp_path)
    if kernel is None:
        pytest.skip("no g++")
    torch.manual_seed(0)
    norm = torch.nn.GroupNorm(4, 24)
    torch.nn.init.normal_(norm.weight)
    torch.nn.init.normal_(norm.bias)
    fused = fused_norm.FusedNorm(copy.deepcopy(norm), kernel)
    x = (3 * torch.randn(2, 24, 6, 10) + 1).bfloat16()
    gradient = torch.randn(2, 24, 6, 10)
    exact, quick = x.float().requires_grad_(), x.clone().requires_grad_()
    expected = torch.nn.functional.silu(norm(exact))
    found = fused(quick)
    expected.backward(gradient)
    found.backward(gradient.bfloat16())
    torch.testing.assert_close(found.float(), expected, rtol=0.02, atol=0.02)
    torch.testing.assert_close(quick.grad.float(), exact.grad, rtol=0.05, atol=0.03)
    torch.testing.assert_close(fused.weight.grad, norm.weight.grad, rtol=0.03, atol=0.1)
    torch.testing.assert_close(fused.bias.grad, norm.bias.grad, rtol=0.03, atol=0.1)


def test_fusing_keeps_the_state_dict(tmp_path):
    model = models.autoencoder((8, 8, 8, 8))
    names = list(model.state_dict())
    fused_norm.fuse_norms(model, fused_norm.compile_kernel(tmp_path))
    assert list(model.state_dict()) == names


@pytest.mark.parametrize("shape", [(3, 16, 40), (2, 40, 16)])
def test_orthogonalised_updates_have_singular_values_near_one(shape):
    torch.manual_seed(0)
    values = torch.linalg.svdvals(optim.orthogonalise(torch.randn(shape)))
    assert values.min() > 0.5
    assert values.max() < 1.4


def test_muon_trains_matrices_and_adamw_the_rest():
    model = models.transformer(1, 1, 1)
    muon, adamw = optim.optimisers(model, 1e-3, 0.0, transformer.OUTER)
    inner = {id(p) for group in muon.param_groups for p in group["params"]}
    outer = {id(p) for group in adamw.param_groups for p in group["params"]}
    assert inner.isdisjoint(outer)
    assert inner | outer == {id(p) for p in model.parameters()}
    assert id(model.single_transformer_blocks[0].attn.to_q.weight) in inner
    assert {id(model.proj_out.weight), id(model.x_embedder.bias)} <= outer


def test_learning_rate_warms_up_and_decays():
    rates = [optim.learning_rate(x / 100) for x in range(101)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[0] == pytest.approx(0.01)
    assert rates[-1] == pytest.approx(0.02)
    assert rates[3:] == sorted(rates[3:], reverse=True)


def test_folding_normalises_the_latents_and_keeps_the_picture():
    torch.manual_seed(0)
    model = models.autoencoder((8, 8, 8, 8)).eval()
    x = torch.rand(2, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        before = model.encode(x).latent_dist
        picture = model.decode(before.mode()).sample
        mean, std = torch.randn(16), torch.rand(16) + 0.5
        export.fold_normalisation(model, mean, std)
        after = model.encode(x).latent_dist
        wanted = (before.mode() - mean[:, None, None]) / std[:, None, None]
        torch.testing.assert_close(after.mode(), wanted, rtol=1e-3, atol=1e-4)
        scaled = before.std / std[:, None, None]
        torch.testing.assert_close(after.std, scaled, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(model.decode(after.mode()).sample, picture, atol=1e-4, rtol=1e-3)


def batches(**changes) -> list[transformer.Batch]:
    params = transformer.TransformerParams(batch=2, grid=(4, 4), **changes)
    torch.manual_seed(0)
    latents = [torch.randn(16, 12, 10).half(), torch.randn(16, 8, 20).half()]
    return [transformer.make_batch(latents, params, step, 0, (4, 4)) for step in range(20)]


def test_unmasked_batches_learn_from_all_tokens_at_one_timestep():
    for batch in batches(masked_share=0.0):
        assert batch.tokens.shape == (2, 16, 64)
        assert batch.loss_mask.min() == 1
        assert torch.equal(batch.times, batch.outside_times)
        assert batch.times.min() > 0
        assert batch.times.max() < 1


def test_masked_batches_learn_from_a_blob_in_less_noisy_tokens():
    for batch in batches(masked_share=1.0):
        assert 0 < batch.loss_mask.mean() < 0.7
        assert (batch.outside_times <= batch.times).all()


def test_a_batch_depends_only_on_seed_step_and_rank():
    first, second = batches(), batches()
    assert all(torch.equal(a.noise(), b.noise()) for a, b in zip(first, second, strict=True))
    assert all(torch.equal(a.tokens, b.tokens) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0].noise(), first[1].noise())


def test_tokens_outside_the_mask_do_not_enter_the_loss(monkeypatch):
    batch = batches(masked_share=1.0)[0]
    wrong = 5.0 * (1 - batch.loss_mask)
    monkeypatch.setattr(
        transformer, "velocity", lambda *_: batch.noise() - batch.tokens + wrong + batch.loss_mask
    )
    model = models.transformer(1, 1, 1)
    assert transformer.compute_loss(model, batch).item() == pytest.approx(1.0, rel=1e-4)


@pytest.mark.parametrize("scales", [(0.5, 0.5), (1.0, 1.0), (1.6, 1.6)])
def test_crops_have_their_size_and_stay_inside(scales):
    rng = np.random.default_rng(0)
    pixels = np.full((70, 90, 3), 200, np.uint8)
    for _ in range(10):
        crop = random_crop(pixels, 32, scales, rng)
        assert crop.shape == (32, 32, 3)
        assert crop.min() >= 199


AVERAGING = """
import sys
from pathlib import Path
import torch
from training.runtime import Worker, run_workers

def work(worker: Worker) -> None:
    model = torch.nn.Linear(1, 1, bias=False)
    (model.weight.sum() * (worker.rank + 1)).backward()
    worker.average_gradients(model)
    Path(sys.argv[1], str(worker.rank)).write_text(str(model.weight.grad.item()))

run_workers(2, work)
"""
FAILING = """
import os, signal, sys, time
from multiprocessing.util import Finalize
import torch
from training.runtime import Worker, run_workers

def work(worker: Worker) -> None:
    if worker.rank == 0:
        worker.average(torch.ones(1))  # fails when the peer closes its connection
    if way == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    Finalize(None, time.sleep, (1,), exitpriority=1)  # the peer ends first
    raise SystemExit(3) if way == "exits" else ValueError("bad photo")

for way in sys.argv[1:]:
    try:
        run_workers(2, work)
    except RuntimeError as error:
        print(error)
"""


def in_a_fresh_process(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a fresh process: workers fork, and a process with threads must not."""
    command = [sys.executable, "-c", script, *arguments]
    root = Path(__file__).parents[2]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)


@pytest.mark.slow
def test_two_workers_average_their_gradients(tmp_path):
    done = in_a_fresh_process(AVERAGING, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert [(tmp_path / str(rank)).read_text() for rank in (0, 1)] == ["1.5", "1.5"]


@pytest.mark.slow
def test_the_first_failure_is_reported_not_the_peers_lost_connection():
    done = in_a_fresh_process(FAILING, "raises", "exits", "killed")
    assert done.stdout.splitlines() == [
        "training worker 1 failed: ValueError('bad photo')",
        "training worker 1 failed: SystemExit(3)",
        "training worker 1 ended with exit status -9",
    ], done.stderr
