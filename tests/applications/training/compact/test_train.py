import pytest
import torch

from applications.inspectors.compact import weights
from applications.training.compact import export, train
from applications.training.compact.batches import CropParams
from applications.training.compact.pairs import load_pairs
from stages.engine.workspace import FactoryError
from training.loop import Budget
from training.runtime import Worker

PARAMS = train.InspectorParams(batch=1, crops=CropParams(sizes=(64,), strength=0.2))


def run(pairs, folder, steps):
    folder.mkdir(exist_ok=True)
    return train.train(pairs, {}, folder, PARAMS, Worker(), budget=Budget(steps=steps))


def test_a_resumed_training_goes_on_where_it_stopped(published, tmp_path, random_backbone):
    pairs = load_pairs(published, ())[:2]
    run(pairs, tmp_path / "parts", 1)
    path = run(pairs, tmp_path / "parts", 2)
    tree = torch.load(path, weights_only=True)
    assert tree["step"] == 2
    frozen = tree["model"]["backbone._conv_stem.weight"]
    assert torch.equal(frozen, train.efficientnet.load().state_dict()["_conv_stem.weight"])
    moved = tree["model"]["mask_head.1.weight"]
    assert not torch.equal(moved, export.load_trained(path).mask_head[1].weight)  # an average


def test_export_calibrates_and_writes_what_loads(published, tmp_path, random_backbone):
    pairs = load_pairs(published, ())[:2]
    network = export.load_trained(run(pairs, tmp_path / "run", 1))
    weights.save(tmp_path / "to", network, weights.Config(short_side=64))
    loaded, config = weights.load(tmp_path / "to")
    assert config.short_side == 64 and not loaded.training


def test_export_without_a_checkpoint_says_what_to_run(tmp_path):
    with pytest.raises(FactoryError, match=r"training\.compact\.train"):
        export.load_trained(tmp_path / train.CHECKPOINT)
