import json
import re

import numpy as np
import pytest
from PIL import Image

from flows.gallery.images import overlay, square_around
from flows.gallery.render import render, script
from stages.tools import TOOLS


def load(page):
    text = (page.parent / "data.js").read_text(encoding="ascii")
    assert text.startswith("window.GALLERY = ") and text.endswith(";\n")
    return json.loads(text.removeprefix("window.GALLERY = ")[:-2])


def test_the_page_has_every_pair_and_refused_variant_with_its_pictures(data, tmp_path):
    page = render(data, tmp_path / "out")
    content = load(page)
    verdicts = [item["verdict"] for item in content["items"]]
    assert verdicts.count("accepted") == 12 and verdicts.count("refused") == 1
    names = {name for item in content["items"] for name in item["images"].values()}
    assert names == {path.name for path in (page.parent / "images").iterdir()}
    refused = content["items"][-1]
    assert (refused["reason"], refused["entity"], refused["part"]) == (
        "imperceptible",
        "owl",
        "left wing",
    )
    assert refused["scores"] == [["lpips", 0.01]] and refused["box"] == [20, 20, 60, 60]
    assert refused["file"].startswith("script>") and "/home" not in refused["file"]


def test_the_page_has_the_rejects_and_counts_of_all_stages(data, tmp_path):
    content = load(render(data, tmp_path / "out"))
    assert [r["code"] for r in content["rejects"]] == [
        "too_many_pixels",
        "animated",
        "imperceptible",
    ]
    ingest = next(s for s in content["stages"] if s["stage"] == "ingest")
    assert ingest == {
        "stage": "ingest", "photos": 3, "rows": 3, "photos_rejected": 1, "photos_aside": 1,
        "variants_rejected": 0,
    }  # fmt: skip


def test_outputs_after_the_failed_stage_are_not_shown(data, tmp_path):
    content = load(render(data, tmp_path / "out", ("ingest", "perceive")))
    assert content["items"] == []
    assert [r["code"] for r in content["rejects"]] == ["too_many_pixels", "animated"]
    assert [stage["stage"] for stage in content["stages"]] == ["ingest"]


def test_the_same_data_give_the_same_page(data, tmp_path):
    def files(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    first = render(data, tmp_path / "one").parent
    assert files(first) == files(render(data, tmp_path / "two").parent)


def test_rendering_again_encodes_nothing_and_removes_unused_pictures(data, tmp_path):
    folder = render(data, tmp_path / "out").parent
    before = {path.name: path.stat().st_mtime_ns for path in (folder / "images").iterdir()}
    (folder / "images" / ("0" * 20 + ".webp")).write_bytes(b"old")
    (folder / "images" / "mine.txt").write_text("kept")
    render(data, tmp_path / "out")
    after = {path.name: path.stat().st_mtime_ns for path in (folder / "images").iterdir()}
    assert after.pop("mine.txt") and after == before


def test_an_empty_data_folder_gives_an_empty_page(tmp_path):
    content = load(render(tmp_path / "nothing", tmp_path / "out"))
    assert content == {"items": [], "tools": list(TOOLS), "rejects": [], "stages": []}


def test_names_cannot_end_the_script():
    text = script({"name": "</script><!-- \u2028\u2029 é"})
    assert "<" not in text and text.isascii()
    assert json.loads(text.removeprefix("window.GALLERY = ")[:-2])["name"].startswith("</script>")


def test_the_page_refers_to_no_network_address(data, tmp_path):
    folder = render(data, tmp_path / "out").parent
    for path in folder.glob("*.*"):
        if path.name != "data.js":
            assert not re.search(r"https?:|//[a-z]|@import|innerHTML", path.read_text()), path.name


@pytest.mark.parametrize(
    "box", [(0, 0, 10, 10), (90, 5, 100, 60), (40, 30, 60, 50), (0, 0, 100, 80)]
)
def test_square_around_a_box_is_inside_the_picture(box):
    x0, y0, x1, y1 = square_around(box, (100, 80))
    assert x1 - x0 == y1 - y0 and min(x0, y0) >= 0 and x1 <= 100 and y1 <= 80
    if box[2] - box[0] < 80:
        assert x0 <= box[0] and box[2] <= x1 and y0 <= box[1] and box[3] <= y1


def test_overlay_tints_the_mask_and_outlines_it():
    mask = np.zeros((20, 20), np.uint8)
    mask[5:15, 5:15] = 255
    alpha = np.asarray(overlay(Image.fromarray(mask)))[..., 3]
    assert (alpha[10, 10], alpha[4, 10], alpha[0, 0]) == (90, 255, 0)
