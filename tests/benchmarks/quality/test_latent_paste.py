import numpy as np
import pytest

from benchmarks.quality.cases import Case
from benchmarks.quality.renderers import Factory, Models
from stages.inject.params import InjectParams
from stages.invert.params import InvertParams
from stages.records.documents import Window
from tests.benchmarks.quality.test_intended import variant
from tests.stages.conftest import save_tiny_flow


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    from stages.models.flow.model import Flow

    models = Models("compact", tmp_path_factory.mktemp("kept"))
    vars(models)["flow"] = Flow.load(save_tiny_flow(tmp_path_factory.mktemp("flow")))
    vars(models)["revision"] = "tiny"
    return models


@pytest.fixture
def case():
    window = Window(id="w0", box=(0, 0, 80, 64), size=(80, 64), parts=[])
    return Case(
        photo="p",
        key="0" * 16,
        window=window,
        variants=[variant("add", [6, 7], [13, 14])],
        sides={},
    )


@pytest.fixture
def photo():
    coarse = np.random.default_rng(7).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


def renderer(models, transformer, **changes):
    inject = InjectParams.model_validate({"mask": {"threshold": 0.01, "min_pixels": 1}, **changes})
    return Factory("name", models, InvertParams(steps=2), inject, transformer)


def test_latent_paste_asks_the_transformer_for_nothing(models, case, photo, monkeypatch):
    renderer(models, False)(case, photo)  # the inversion is kept now
    monkeypatch.setattr(models.flow, "velocity", None)
    crop = renderer(models, False)(case, photo)["v0"]
    assert (crop.artifact != crop.control).any()


def test_with_and_without_transformer_differ_in_the_flaw_only(models, case, photo):
    ours, paste = (renderer(models, flag)(case, photo)["v0"] for flag in (True, False))
    assert ours.box == paste.box and (ours.artifact != paste.artifact).any()
    np.testing.assert_array_equal(ours.edit, paste.edit)


def test_the_digest_tells_the_methods_and_settings_apart(models):
    digests = {
        renderer(models, True).digest,
        renderer(models, False).digest,
        renderer(models, True, t_s=0.5).digest,
    }
    assert len(digests) == 3
