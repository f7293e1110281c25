import numpy as np
import pytest
from PIL import Image

from flows.gallery.images import (
    COLOURS,
    EDGE,
    KINDS,
    Pictures,
    Sources,
    name_of,
    overlay,
    region_around,
    square_around,
    strip,
)
from flows.gallery.render import TEMPLATE
from stages.records.images import write_png

BOXES = [(0, 0, 10, 10), (90, 5, 100, 60), (40, 30, 60, 50), (0, 0, 100, 80)]


def draw(folder, seed=0):
    """Draw the pictures of a pair of noise; return them."""
    photo = np.random.default_rng(seed).integers(0, 256, (80, 100, 3), np.uint8)
    flaws = np.zeros((80, 100), np.uint8)
    flaws[30:40, 30:50] = 1
    png = write_png(photo)
    sources = Sources(
        png, png, png, write_png(flaws), (30, 30, 50, 40), (28, 28, 52, 42), (100, 80)
    )
    pictures = Pictures(folder)
    pictures.draw("a" * 20, f"{seed:020x}", sources)
    return pictures


@pytest.mark.parametrize("box", BOXES)
def test_square_around_a_box_is_inside_the_picture(box):
    x0, y0, x1, y1 = square_around(box, (100, 80))
    assert x1 - x0 == y1 - y0 and min(x0, y0) >= 0 and x1 <= 100 and y1 <= 80
    if box[2] - box[0] < 80:
        assert x0 <= box[0] and box[2] <= x1 and y0 <= box[1] and box[3] <= y1


@pytest.mark.parametrize("box", BOXES)
def test_region_around_a_box_contains_it_and_is_inside_the_picture(box):
    x0, y0, x1, y1 = region_around(box, (100, 80))
    assert 0 <= x0 <= box[0] and box[2] <= x1 <= 100 and 0 <= y0 <= box[1] and box[3] <= y1 <= 80


def test_overlay_tints_each_flaw_and_outlines_it():
    flaws = np.zeros((20, 40), np.uint8)
    flaws[5:15, 5:15], flaws[5:15, 25:35] = 1, 2
    drawn = np.asarray(overlay(Image.fromarray(flaws)))
    alpha = drawn[..., 3]
    assert (alpha[10, 10], alpha[4, 10], alpha[0, 0]) == (90, 255, 0)
    assert tuple(drawn[10, 10, :3]) == COLOURS[0] and tuple(drawn[10, 30, :3]) == COLOURS[1]


def test_the_colours_of_the_flaws_are_those_of_the_page():
    css = (TEMPLATE / "gallery.css").read_text()
    for number, colour in enumerate(COLOURS):
        assert f"--flaw-{number}: rgb({' '.join(map(str, colour))});" in css


def test_a_strip_has_the_crops_of_all_pictures_below_each_other():
    pictures = [Image.new("RGB", (40, 30), colour) for colour in ("red", "lime", "blue")]
    drawn = strip(pictures, (10, 5, 30, 20))
    block = 15 + 2 * EDGE
    assert drawn.size == (20, 3 * block)
    for row, colour in enumerate(((255, 0, 0), (0, 255, 0), (0, 0, 255))):
        ends = [drawn.getpixel((10, row * block + y)) for y in (0, EDGE, block - 1)]
        assert ends == 3 * [colour]


def test_the_pages_script_knows_the_edges_of_a_strip():
    assert f"const EDGE = {EDGE};" in (TEMPLATE / "viewer.js").read_text()


def test_names_depend_on_every_digest_and_their_order():
    names = {name_of(digests) for digests in (["a"], ["a", "b"], ["b", "a"], ["ab"])}
    assert len(names) == 4 and all(len(name) == 20 for name in names)


def test_a_pair_has_four_pictures_and_none_is_drawn_again(tmp_path):
    pictures = draw(tmp_path)
    files = sorted(tmp_path.rglob("*.webp"))
    assert sorted(path.parts[-3] for path in files) == sorted(KINDS)
    assert not pictures.use("a" * 20, "0" * 20)
    before = [path.stat().st_mtime_ns for path in files]
    draw(tmp_path)
    assert [path.stat().st_mtime_ns for path in files] == before
    files[0].unlink()
    assert Pictures(tmp_path).use("a" * 20, "0" * 20)


def test_only_pictures_that_the_page_does_not_show_are_removed(tmp_path):
    draw(tmp_path, seed=1)
    pictures = draw(tmp_path)
    (tmp_path / "thumbs" / "00" / "mine.txt").write_text("kept")
    pictures.use("a" * 20, "0" * 20)
    pictures.remove_unused()
    left = sorted(path.name for path in (tmp_path / "thumbs").rglob("*.*"))
    assert left == ["0" * 18 + ".webp", "mine.txt"]
