"""What tests of several stages share: a tiny flow model, photos, variants, samples."""

from pathlib import Path

import pytest
from tiny_flow import save_tiny_flow


@pytest.fixture(scope="session")
def flow_folder(tmp_path_factory):
    return save_tiny_flow(tmp_path_factory.mktemp("flow"))


@pytest.fixture(scope="session")
def make_flow_folder():
    return save_tiny_flow


@pytest.fixture(scope="session")
def flow(flow_folder):
    import torch

    from stages.models.flow.model import Flow

    torch.set_num_threads(1)
    return Flow.load(flow_folder)


KEY = "00112233445566aa"


@pytest.fixture(scope="session")
def judged():
    """A stage's gate on rows of its manifest; `numbers` take the place of the summary's."""
    import sys
    from dataclasses import replace

    from stages.engine.gates import gate
    from stages.engine.gates.suite import load_suite
    from stages.engine.gates.summary import Upstream, summarise

    def judge(stage, rows, **numbers):
        suite = load_suite(stage, Path(sys.modules[type(stage).__module__].__file__).parent)
        keys = sorted({row["key"] for row in rows})
        summary = summarise(Upstream(keys), keys, rows, [])
        summary = replace(summary, numbers={**summary.numbers, **stage.numbers(rows), **numbers})
        return gate.run(suite, {"manifest": rows, "photos": [], "rejects": []}, summary)

    return judge


@pytest.fixture(scope="session")
def sample_photo():
    """Reads a sample photo, named below samples/photos, as (H, W, 3) uint8."""
    import numpy as np
    from PIL import Image

    def read(name):
        with Image.open(Path(__file__).parents[2] / "samples" / "photos" / name) as image:
            return np.asarray(image.convert("RGB"))

    return read


@pytest.fixture
def variant():
    """Makes an add of a left hand that maps `targets` to `references`; `changes` are fields."""
    from stages.records.documents import Variant

    def make(targets=(1,), references=(2,), **changes):
        fields = {
            "id": "v0", "window": "w0", "tool": "add", "kernel": "ring", "entity": "e0",
            "entity_name": "person", "part": "e0.p0", "part_name": "left hand",
            "part_kind": "hand", "positional": False, "seed": 1, "facts": {"direction": "below"},
        }  # fmt: skip
        return Variant(**fields | changes, targets=targets, references=references)

    return make


@pytest.fixture
def flow_sample(variant):
    """A photo of 112 x 96 px with one window of 4 x 5 tokens and three variants."""
    import numpy as np

    from stages.engine.stage import Sample
    from stages.records.documents import Mapping, Scene, Window
    from stages.records.images import write_png

    rng = np.random.default_rng(7)
    coarse = rng.integers(0, 256, (6, 7, 3), dtype=np.uint8)
    photo = np.kron(coarse, np.ones((16, 16, 1), dtype=np.uint8))

    window = Window(id="w0", box=(16, 16, 96, 80), size=(80, 64), parts=["e0.p0"])
    spare = Window(id="w1", box=(0, 0, 32, 32), size=(32, 32), parts=[])
    variants = [
        variant([6, 7], [13, 14]),
        variant([0], [19], id="v1", tool="distort"),
        variant([17, 18], [2, 3], id="v2", tool="fuse"),
    ]
    scene = Scene(key=KEY, entities=[], windows=[window, spare], detector="test")
    return Sample(
        key=KEY,
        documents={
            "map": Mapping(key=KEY, variants=variants).model_dump(mode="json"),
            "perceive": scene.model_dump(mode="json"),
        },
        members={"ingest/photo.png": write_png(photo)},
    )
