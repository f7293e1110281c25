"""Tests of pasting and of the cache of renderings, on one small photo."""

import numpy as np
import pytest

from benchmarks.quality import photos
from benchmarks.quality.cases import Case, EvaluationSet
from benchmarks.quality.renderers import PixelPaste
from benchmarks.quality.renderings import Renderings
from stages.inject.params import InjectParams
from stages.records.documents import Window
from tests.benchmarks.quality.test_intended import make_variant


class RecordingPaste:
    """`PixelPaste` that records the variants it renders."""

    name = digest = "counting"

    def __init__(self):
        self.calls, self.paste = [], PixelPaste(InjectParams())

    def __call__(self, case, photo):
        self.calls += [v.id for v in case.variants]
        return self.paste(case, photo)


@pytest.fixture
def photo(monkeypatch):
    rng = np.random.default_rng(5)
    coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    pixels = np.kron(coarse, np.ones((16, 16, 1), np.uint8))
    monkeypatch.setattr(photos, "read_photo", lambda name, shards: pixels)
    return pixels


@pytest.fixture
def cases():
    window = Window(id="w0", box=(0, 0, 96, 96), size=(96, 96), parts=[])
    first, unmoved = make_variant("add", [14], [0]), make_variant("add", [14], [14])
    variants = [first, unmoved.model_copy(update={"id": "v1"})]
    case = Case(photo="p", key="0" * 16, window=window, variants=variants, sides={})
    return EvaluationSet(side=96, cases=[case])


def test_paste_is_the_references_patch_and_nothing_else(photo, cases, tmp_path):
    flawed, _ = Renderings(RecordingPaste(), cases, tmp_path, tmp_path)
    picture = flawed.photo_with("artifact")
    np.testing.assert_array_equal(picture[32:48, 32:48], photo[:16, :16])
    rest = np.ones((96, 96), dtype=bool)
    rest[32:48, 32:48] = False
    np.testing.assert_array_equal(picture[rest], photo[rest])
    np.testing.assert_array_equal(flawed.photo_with("control"), photo)


def test_invisible_variant_has_a_reason(photo, cases, tmp_path):
    _, unmoved = Renderings(RecordingPaste(), cases, tmp_path, tmp_path)
    assert unmoved.crop is None and unmoved.reason == "invisible"
    np.testing.assert_array_equal(unmoved.photo_with("artifact"), photo)


def test_cached_pictures_are_not_rendered_again(photo, cases, tmp_path):
    renderer = RecordingPaste()
    before = list(Renderings(renderer, cases, tmp_path, tmp_path))
    (tmp_path / "renderings" / "counting" / f"{cases.cases[0].name}.v1.json").unlink()
    after = list(Renderings(renderer, cases, tmp_path, tmp_path))
    assert renderer.calls == ["v0", "v1", "v1"]
    np.testing.assert_array_equal(before[0].crop.artifact, after[0].crop.artifact)
    np.testing.assert_array_equal(before[0].crop.mask, after[0].crop.mask)
    assert before[0].crop.target_box == after[0].crop.target_box == (32, 32, 48, 48)


def test_digest_depends_on_the_composites_params():
    narrow = InjectParams(margin=0)
    assert PixelPaste(InjectParams()).digest != PixelPaste(narrow).digest
    assert PixelPaste(InjectParams()).digest == PixelPaste(InjectParams()).digest
