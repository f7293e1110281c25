"""Run the training commands on synthetic photos; a killed and resumed run equals a whole one."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from training import autoencoder, card, data, evaluate, export, latents, loop, transformer
from training.runtime import Worker

pytestmark = pytest.mark.slow
AUTOENCODER = autoencoder.AutoencoderParams(
    block_out_channels=(8, 8, 8, 16), crop=32, batch=1, lpips=0.0
)
TRANSFORMER = transformer.TransformerParams(
    heads=1,
    single_blocks=1,
    batch=2,
    grid=(4, 4),
    large_grids=((6, 4),),
    large_from=0.5,
    masked_share=0.5,
)


def shard(path: Path) -> None:
    rng = np.random.default_rng(0)
    sources = ["made up", "made up", "made up", "Debian plasma-workspace-data"]
    with tarfile.open(path, "w") as tar:
        for number, source in enumerate(sources):
            coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
            image = Image.fromarray(coarse).resize((288, 256), Image.Resampling.BICUBIC)
            stream = io.BytesIO()
            image.save(stream, "WEBP")
            info = {"source": source, "licence": "CC0-1.0", "width": 288, "height": 256}
            key = f"{[0, 90, 170, 250][number]:02x}{number:014x}"
            for extension, content in (("webp", stream.getvalue()), ("json", json.dumps(info))):
                content = content if isinstance(content, bytes) else content.encode()
                member = tarfile.TarInfo(f"{key}.{extension}")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    shard(folder / "train-0.tar")
    return folder


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory) -> Path:
    """Train each network for two steps and cache the latents in between."""
    folder = tmp_path_factory.mktemp("run")
    train, _, _ = data.split(data.load_photos(photos))
    autoencoder.train(train, folder, AUTOENCODER, Worker(), steps=2, minutes=None)
    latents.cache_latents(photos, folder, workers=1)
    cached = transformer.load_latents(folder / transformer.LATENTS, "train")
    transformer.train(cached, folder, TRANSFORMER, Worker(), steps=2, minutes=None)
    return folder


def have_equal_weights(a: dict, b: dict) -> bool:
    return all(torch.equal(a["model"][k], b["model"][k]) for k in a["model"]) and all(
        torch.equal(a["ema"]["tensors"][k], b["ema"]["tensors"][k]) for k in a["ema"]["tensors"]
    )


@pytest.mark.parametrize("network", ["autoencoder", "transformer"])
def test_a_killed_training_resumes_to_the_same_weights(network, run, photos, tmp_path, monkeypatch):
    """The first run dies while it writes the second checkpoint.

    Equality is exact: the same code runs on the same shapes.
    """
    photographs, _, _ = data.split(data.load_photos(photos))
    module, *given = {
        "autoencoder": (autoencoder, photographs, AUTOENCODER),
        "transformer": (
            transformer,
            transformer.load_latents(run / transformer.LATENTS, "train"),
            TRANSFORMER,
        ),
    }[network]

    def start(name, every):
        return module.train(
            given[0], tmp_path / name, given[1], Worker(), steps=3, minutes=None, save_every=every
        )

    real, calls = loop.save_atomically, []

    def save_and_die(path, tree):
        calls.append(path)
        if len(calls) == 2:
            path.with_name(f".{path.name}.0a1b2c").write_bytes(b"half")
            raise KeyboardInterrupt
        real(path, tree)

    whole = torch.load(start("whole", 1e9), weights_only=True)
    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_atomically", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            start("killed", -1.0)
    resumed = torch.load(start("killed", -1.0), weights_only=True)
    assert resumed["step"] == whole["step"] == 3
    assert have_equal_weights(whole, resumed)


def test_cached_latents_are_normalised_and_the_export_reproduces_them(run, photos, tmp_path):
    export.export(run, tmp_path / "compact")
    flow = evaluate.Flow.load(tmp_path / "compact")
    cached = transformer.load_latents(run / transformer.LATENTS, "train")
    flat = torch.cat([z.flatten(1) for z in cached], dim=1).float()
    assert flat.mean(1).abs().max() < 0.01
    assert (flat.std(1) - 1).abs().max() < 0.01
    train, _, _ = data.split(data.load_photos(photos))
    tokens = flow.encode(np.ascontiguousarray(latents.draw_view(train[0])))
    expected = transformer.pack(cached[0][None].float())
    assert torch.nn.functional.cosine_similarity(tokens, expected, dim=-1).mean() > 0.99


def test_the_evaluation_reports_every_figure(run, photos, tmp_path):
    export.export(run, tmp_path / "compact")
    flow = evaluate.Flow.load(tmp_path / "compact")
    chosen = data.load_photos(photos)[:1]
    assert evaluate.autoencoder_quality(flow, chosen)["lpips"] > 0
    assert evaluate.flow_loss(flow, chosen, 4)["mean"] > 0
    report = evaluate.inversion_quality(flow, chosen, 2, tmp_path / "pictures")
    assert report["against_autoencoder_db"] > 0
    assert len(list((tmp_path / "pictures").glob("*.png"))) == 1


def test_the_card_counts_sources_and_excluded_photos(run, photos, tmp_path):
    export.export(run, tmp_path / "compact")
    psnr = {"photos": 3, "mean_db": 31.5, "min_db": 20.1, "lpips": 0.1}
    back = {"steps": 8, "photos": 2, "against_autoencoder_db": 40.2}
    back |= {"against_photo_db": 30.3, "noise_std": 0.98}
    report = {"autoencoder": {"held_out": psnr, "samples": psnr}}
    report |= {"flow_loss_16x16": {"0.05": 1.25}, "flow_loss_24x24": {"0.05": 1.5}}
    report |= {"inversion_held_out": back, "inversion_samples": back}
    text = card.render_card(data.load_photos(photos), run, tmp_path / "compact", report)
    assert "| 2 | made up | CC0-1.0 |" in text
    assert "Excluded: 1 photos" in text
    assert "31.5 dB, 20.1 dB" in text
    assert "{" not in text


def test_sample_photos_and_held_out_photos_are_never_trained_on(photos):
    train, held_out, samples = data.split(data.load_photos(photos))
    assert [photo.source for photo in samples] == ["Debian plasma-workspace-data"]
    assert [photo.key[:2] for photo in held_out] == ["00"]
    assert [photo.key[:2] for photo in train] == ["5a", "aa"]


def test_a_folder_without_shards_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match=tmp_path.name):
        data.load_photos(tmp_path)
