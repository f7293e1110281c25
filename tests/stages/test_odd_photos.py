"""A set of unusual pictures only passes every gate: pictures that cannot be used are rejected.

The compact model inverts and renders; a fake perceiver finds two parts in the middle of every
picture.
"""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from stages.catalogue import stage_of
from stages.engine.runner import run
from stages.engine.storage.tables import read_table
from stages.engine.workspace import Workspace
from stages.ingest.scan import scan
from stages.models import registry
from stages.records.documents import Entity, Part
from stages.records.masks import encode

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
SIDE, MIDDLE = 160, (48, 48, 112, 112)
UNTIL_RENDERED = ("ingest", "perceive", "map", "invert", "inject")


def part(name, box):
    mask = np.zeros((SIDE, SIDE), bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return Part(id=f"e0.{name}", name=name, kind=name, positional=False, score=0.9, box=box,
                mask=encode(mask), tools=["distort", "fuse"])  # fmt: skip


class MiddleFinder:
    def perceive(self, image):
        parts = [part("left part", (48, 48, 80, 112)), part("right part", (80, 48, 112, 112))]
        whole = part("object", MIDDLE)
        return [Entity(id="e0", name="object", score=0.9, box=MIDDLE, mask=whole.mask, parts=parts)]


def pictures():
    """Pictures by name: a disc, grey except for the last rows, two colours, a face with noise."""
    y, x = np.mgrid[:SIDE, :SIDE]
    disc = np.where((y - 80) ** 2 + (x - 80) ** 2 < 45**2, 0, 255)
    chequered = (y // 20 + x // 20) % 2 * 255
    with Image.open(ROOT / "samples/photos/scikit-image/astronaut.png") as photo:
        face = np.asarray(photo.convert("RGB").crop((140, 20, 300, 180)), np.float64)
    noisy = face + np.random.default_rng(0).normal(0, 90, face.shape)
    flat = {"disc": disc, "grey": np.where(y < 144, 128, x + y // 2), "chequered": chequered}
    found = {name: np.repeat(plane[..., None], 3, axis=2) for name, plane in flat.items()}
    found |= {"noisy": noisy}
    return {name: np.clip(picture, 0, 255).astype(np.uint8) for name, picture in found.items()}


@pytest.fixture
def build(tmp_path, monkeypatch):
    """A function that runs stages up to the first failed gate.

    It returns the verdicts by stage, and the number of rejects by (stage, code)."""
    monkeypatch.setattr(registry, "perceiver", lambda base, params: MiddleFinder())
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    params["perceive"] |= {"window": 128, "max_windows": 1}
    params["map"] |= {"variants": 1, "kernels": {}, "min_colour_change": {}}
    params["inject"] |= {"mask": {"threshold": 1.0, "min_pixels": 1}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    (tmp_path / "dvc.yaml").touch()
    (tmp_path / "factory.toml").write_text('[executor]\nkind = "inline"\n')
    workspace = Workspace(tmp_path)

    def build(photos, *names):
        folder = tmp_path / "photos"
        folder.mkdir()
        for name, picture in photos.items():
            Image.fromarray(picture).save(folder / f"{name}.png")
        scan([folder], workspace)
        verdicts, rejects = {}, Counter()
        for name in names:
            verdicts[name] = run(stage_of(name, tmp_path), workspace)
            rows = read_table(workspace.stage(name) / "rejects.parquet")
            rejects |= Counter((name, row["code"]) for row in rows)
            if not verdicts[name].success:
                break
        return verdicts, rejects

    return build


def test_unusual_pictures_alone_pass_all_gates(build):
    verdicts, rejects = build(pictures(), *UNTIL_RENDERED)
    failures = {name: list(map(str, verdict.failures)) for name, verdict in verdicts.items()}
    assert failures == {name: [] for name in UNTIL_RENDERED}
    assert rejects["invert", "not_noise"] >= 1  # the model cannot invert some of them
    assert all(verdicts[name].not_judged for name in UNTIL_RENDERED)


def test_without_a_usable_picture_the_gate_names_file_reason_and_param(build):
    verdicts, _ = build({"grey": pictures()["grey"]}, *UNTIL_RENDERED)
    assert list(verdicts) == ["ingest", "perceive", "map", "invert"]
    (check,) = verdicts["invert"].failures
    assert check.message.startswith("no photo is left")
    assert "1 not_noise (photos/grey.png: the model cannot invert this photo" in check.message
    assert "invert.min_noise_std 0.5" in check.message
