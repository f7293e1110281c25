import numpy as np
import pytest

from benchmarks.quality.compare import table
from benchmarks.quality.measure import Figures, colour, seam, sharpness, summary
from stages.models.judge import intended

GRID = (8, 8)


@pytest.fixture
def photo():
    rng = np.random.default_rng(4)
    coarse = rng.integers(60, 200, (16, 16, 3)).astype(np.float64)
    smooth = np.kron(coarse, np.ones((8, 8, 1)))
    for axis in (0, 1):
        smooth = sum(np.roll(smooth, shift, axis) for shift in range(-6, 7)) / 13
    return (smooth + rng.normal(0, 2, smooth.shape)).clip(0, 255).astype(np.uint8)


def moved(targets, references):
    index = np.arange(64)
    index[targets] = references
    return index


TARGETS, REFERENCES = [27, 28, 35, 36], [0, 1, 8, 9]


def test_an_untouched_photo_has_no_seam(photo):
    contrast, seen = seam(photo, photo, moved(TARGETS, REFERENCES), GRID)
    assert contrast == 0.0 and seen < 0.35


def test_a_paste_has_a_seam(photo):
    pasted = intended(photo, TARGETS, REFERENCES)
    contrast, seen = seam(photo, pasted, moved(TARGETS, REFERENCES), GRID)
    assert contrast > 0.3 and seen > 0.5


def test_without_a_border_inside_there_is_no_figure(photo):
    assert seam(photo, photo, moved([0], [0]), GRID) == (None, None)


def test_a_paste_is_as_sharp_as_its_source_and_a_flat_patch_is_not(photo):
    index = moved(TARGETS, REFERENCES)
    assert sharpness(photo, intended(photo, TARGETS, REFERENCES), index, GRID) == pytest.approx(1)
    assert sharpness(photo, np.full_like(photo, 90), index, GRID) == 0


def test_colour_shift_is_that_of_the_moved_pieces(photo):
    index, pasted = moved(TARGETS, REFERENCES), intended(photo, TARGETS, REFERENCES)
    assert colour(photo, pasted, index, GRID) == pytest.approx(0, abs=1e-4)
    tinted = pasted.copy()
    tinted[48:80, 48:80, 2] //= 2
    assert colour(photo, tinted, index, GRID) > 10
    tinted = pasted.copy()
    tinted[:32, :32, 2] //= 2
    assert colour(photo, tinted, index, GRID) == pytest.approx(0, abs=1e-4)


def test_what_nobody_sees_counts_as_not_intended():
    seen = Figures(name="a", tool="add", reason="ok", intended=True, lpips=0.3, contrast=0.1)
    lost = Figures(name="b", tool="add", reason="invisible")
    found = summary([seen, lost])
    assert (found.count, found.visible, found.intended) == (2, 0.5, 0.5)
    assert (found.lpips, found.contrast) == (0.3, 0.1)
    assert np.isnan(found.sharpness)


def test_table_is_markdown():
    assert table(["a", "b"], [["1", "2"]]).splitlines() == [
        "| a | b |",
        "| --- | ---: |",
        "| 1 | 2 |",
    ]
