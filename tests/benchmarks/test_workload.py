from dataclasses import dataclass

import numpy as np
import pytest

from benchmarks import workload
from benchmarks.workload import make_photo_tasks, make_synthetic_task
from flows.trial import Trial
from stages.engine.stage import Output
from stages.engine.workspace import FactoryError
from stages.inject.tokens import grow
from stages.records.documents import Mapping, Photo, Scene
from stages.records.images import write_png
from stages.records.source_index import source_index

ROOT = workload.Path(__file__).parents[2]


@dataclass
class Bare:
    """A stage that needs no model."""

    params: dict

    def setup(self):
        pass


@pytest.mark.parametrize("side,share,margin", [(512, 0.1, 1), (1024, 0.1, 1), (128, 0.14, 0)])
def test_synthetic_flaws_have_the_requested_active_share(side, share, margin):
    task = make_synthetic_task(side, share, margin, 8)
    assert task.picture.shape == (side, side, 3)
    assert {variant.tool for variant in task.variants} == {"add", "remove", "distort", "fuse"}
    shares = []
    for variant in task.variants:
        moved = source_index(variant, task.window.grid) != np.arange(task.tokens)
        shares.append(grow(moved.reshape(task.window.grid), margin).mean())
    assert shares == pytest.approx([share] * 8, rel=0.1)
    assert len({tuple(variant.targets) for variant in task.variants}) > 2


def test_synthetic_flaws_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        make_synthetic_task(128, 0.5, 0, 4)


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """Set up photos whose names give the number of variants that the stages find; record calls."""
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "photos").mkdir()
    calls = []

    def run_stages(photo, stages):
        calls.append(photo.stem)
        if photo.stem == "empty":
            raise FactoryError("nothing there")
        task = make_synthetic_task(128, 0.25, 1, int(photo.stem[1]))
        tools = ("distort", "fuse") if photo.stem[0] == "a" else ("add", "remove", "distort")
        variants = [
            v.model_copy(update={"tool": tools[n % len(tools)]})
            for n, v in enumerate(task.variants)
        ]
        key = "0" * 16
        scene = Scene(key=key, entities=[], windows=[task.window], detector="test")
        ingested = Photo.model_construct(key=key)
        return Trial(
            {
                "ingest": Output(ingested, {"photo.png": write_png(task.photo)}),
                "perceive": Output(scene),
                "map": Output(Mapping(key=key, variants=variants)),
            }
        )

    monkeypatch.setattr(workload, "run_stages", run_stages)
    monkeypatch.setattr(workload, "build_stage", lambda name, params: Bare(params))
    monkeypatch.setattr(workload, "stage_digest", lambda stage: repr(stage.params))
    return tmp_path, calls


def test_photos_with_the_most_tools_come_first_and_are_processed_once(checkout):
    root, calls = checkout
    for name in ("a8", "b8", "c8", "d7", "empty"):
        (root / "photos" / f"{name}.png").write_text(name)
    for _ in range(2):
        tasks = make_photo_tasks(root, root / "photos", 384, 2, 8)
        assert [task.name for task in tasks] == ["b8", "c8"]
        assert [len(task.variants) for task in tasks] == [8, 8]
    assert sorted(calls) == ["a8", "b8", "c8", "d7", "empty", "empty"]
    make_photo_tasks(root, root / "photos", 512, 2, 8)
    assert len(calls) == 11
