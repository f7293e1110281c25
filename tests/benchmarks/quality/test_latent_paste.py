import numpy as np
import pytest

from benchmarks.quality.cases import Case
from benchmarks.quality.renderers import Models, SynthesisRenderer
from stages.inject.params import InjectParams
from stages.invert.params import InvertParams
from stages.records.documents import Window
from tests.benchmarks.quality.test_intended import make_variant
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
        variants=[make_variant("add", [6, 7], [13, 14])],
        sides={},
    )


@pytest.fixture
def photo():
    coarse = np.random.default_rng(7).integers(0, 256, (4, 5, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((16, 16, 1), np.uint8))


def make_renderer(models, transformer, **changes):
    inject = InjectParams.model_validate({"mask": {"threshold": 0.01, "min_pixels": 1}, **changes})
    return SynthesisRenderer("name", models, InvertParams(steps=2), inject, transformer)


def test_latent_paste_does_not_use_the_transformer(models, case, photo, monkeypatch):
    make_renderer(models, False)(case, photo)  # caches the inversion
    monkeypatch.setattr(models.flow, "velocity", None)
    crop = make_renderer(models, False)(case, photo)["v0"]
    assert (crop.artifact != crop.control).any()


def test_transformer_changes_only_the_flaw(models, case, photo):
    ours, paste = (make_renderer(models, flag)(case, photo)["v0"] for flag in (True, False))
    assert ours.box == paste.box and (ours.artifact != paste.artifact).any()
    np.testing.assert_array_equal(ours.edit, paste.edit)


def test_digest_differs_between_methods_and_settings(models):
    digests = {
        make_renderer(models, True).digest,
        make_renderer(models, False).digest,
        make_renderer(models, True, t_s=0.5).digest,
    }
    assert len(digests) == 3
