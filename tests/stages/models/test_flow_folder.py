import hashlib
import json
import os
from pathlib import Path

import pytest

from stages.engine import digests
from stages.models import flow_folder
from stages.models.flow_folder import resolve, revision


def test_revision_follows_weights_and_configuration(tmp_path, make_flow_folder):
    folder = make_flow_folder(tmp_path)
    first = revision(folder)
    assert revision(str(folder)) == first
    config = folder / "vae" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"scaling_factor": 0.4}))
    second = revision(folder)
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert len({first, second, revision(folder)}) == 3


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        resolve(tmp_path / "nowhere")


def test_a_local_folder_is_taken_as_it_is(flow_folder):
    assert resolve(str(flow_folder)) == flow_folder


@pytest.fixture
def hashed(monkeypatch, tmp_path):
    """Every weights file counts as large and as settled; names of those that were read."""
    monkeypatch.setattr(flow_folder, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(flow_folder, "LARGE", 10_000)
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))
    real, read = hashlib.file_digest, []

    def noted(file, algorithm):
        read.append(Path(file.name).name)
        return real(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", noted)
    return read


def test_large_files_are_hashed_once(tmp_path, make_flow_folder, hashed):
    folder = make_flow_folder(tmp_path / "model")
    first = revision(folder)
    assert "diffusion_pytorch_model.safetensors" in hashed
    hashed.clear()
    assert revision(folder) == first
    assert hashed and not any(name.endswith(".safetensors") for name in hashed)


def test_a_large_file_whose_time_alone_changed_is_hashed_again(tmp_path, make_flow_folder, hashed):
    folder = make_flow_folder(tmp_path / "model")
    weights = folder / "transformer" / "diffusion_pytorch_model.safetensors"
    first, status = revision(folder), weights.stat()
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert weights.stat().st_size == status.st_size
    os.utime(weights, ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert revision(folder) != first
