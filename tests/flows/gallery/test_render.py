import json
import re

import numpy as np
import pytest
from PIL import Image

from flows.gallery.images import COLOURS, overlay, square_around
from flows.gallery.render import TEMPLATE, render, script
from stages.engine.storage.shard import read_shard, write_shard
from stages.engine.workspace import FactoryError
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
    (flaw,) = refused["flaws"]
    assert (refused["reason"], flaw["entity"], flaw["part"]) == (
        "imperceptible",
        "owl",
        "left wing",
    )
    assert flaw["scores"] == [["lpips", 0.01]]
    assert flaw["box"] == refused["box"] == [20, 20, 60, 60]
    assert refused["file"].startswith("script>") and "/home" not in refused["file"]


def test_the_page_has_the_rejects_and_counts_of_all_stages(data, tmp_path):
    content = load(render(data, tmp_path / "out"))
    assert [r["code"] for r in content["rejects"]] == [
        "too_many_pixels",
        "animated",
        "over_quota",
        "imperceptible",
    ]
    ingest, mapped = (s for s in content["stages"] if s["stage"] in ("ingest", "map"))
    assert ingest == {
        "stage": "ingest", "photos": 3, "photos_rejected": 1, "photos_aside": 1,
        "variants_rejected": 0, "variants_aside": 0,
    }  # fmt: skip
    assert mapped == {
        "stage": "map", "photos": 1, "photos_rejected": 0, "photos_aside": 0,
        "variants_rejected": 0, "variants_aside": 1,
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


def test_a_pair_with_several_flaws_is_one_item(make_data, tmp_path):
    content = load(render(make_data(tmp_path / "data", several=True), tmp_path / "out"))
    (item,) = [item for item in content["items"] if item["id"].endswith("-p9")]
    assert [flaw["label"] for flaw in item["flaws"]] == [
        f"{tool} left hand" for tool in ("add", "remove", "distort")
    ]
    assert len({tuple(flaw["box"]) for flaw in item["flaws"]}) == 3


def test_a_data_set_of_another_version_is_refused_in_one_line(data, tmp_path):
    shard = data / "package" / "train-00000.tar"
    with shard.open("rb") as file:
        members = dict(read_shard(file))
    old = {name: content for name, content in members.items() if name.startswith("0" * 16 + "-p0")}
    record = json.loads(old["0" * 16 + "-p0.json"]) | {"schema_version": 1}
    old["0" * 16 + "-p0.json"] = json.dumps(record).encode()
    write_shard(shard, [("0" * 16 + "-p0", {n.split(".", 1)[1]: c for n, c in old.items()})])
    with pytest.raises(
        FactoryError, match=r"schema version 1, .* reads 2 and 3: build it again"
    ) as error:
        render(data, tmp_path / "out")
    assert "\n" not in str(error.value)
