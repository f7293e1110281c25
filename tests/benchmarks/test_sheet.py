import hashlib
import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.pairs import measure
from benchmarks.sheet import draw_cells, draw_lots, draw_pictures, draw_texts, read_flaws
from stages.engine.storage.shard import write_shard
from stages.engine.workspace import FactoryError
from stages.records.documents import SCHEMA_VERSION
from stages.records.images import write_png

BOXES = {"add": [8, 8, 24, 24], "remove": [40, 8, 56, 24]}


def make_pair(key, licence="CC0-1.0", version=SCHEMA_VERSION):
    """A pair with two flaws: an added square and a removed one."""
    photo = np.full((48, 64, 3), 100, np.uint8)
    artifact, flaws = photo.copy(), np.zeros((48, 64), np.uint8)
    for index, (x0, y0, x1, y1) in enumerate(BOXES.values(), start=1):
        artifact[y0:y1, x0:x1], flaws[y0:y1, x0:x1] = 100 + 50 * index, index
    record = {
        "schema_version": version, "pair": f"{key}-p0", "photo": key, "licence": licence,
        "width": 64, "height": 48,
        "flaws": [
            {"id": f"v{index}", "index": index, "tool": tool, "kernel": "k", "entity": "e",
             "part": "p", "edit_box": box, "text": f"A flaw of {tool}."}
            for index, (tool, box) in enumerate(BOXES.items(), start=1)
        ],
    }  # fmt: skip
    return f"{key}-p0", {
        "real.png": write_png(photo), "control.png": write_png(photo),
        "artifact.png": write_png(artifact), "edit.png": write_png(flaws > 0),
        "flaws.png": write_png(flaws), "mask.png": write_png(flaws > 0),
        "json": json.dumps(record).encode(),
    }  # fmt: skip


def names(samples):
    return [f"{sample['pair']['photo']}-{sample['flaw']['id']}" for sample in samples]


def make_sample(name, tool):
    photo, _, flaw = name.partition("-")
    return {"pair": {"photo": photo, "licence": "CC0-1.0"}, "flaw": {"id": flaw, "tool": tool}}


def test_flaws_are_drawn_by_tool_and_licence(tmp_path):
    pairs = [make_pair("a"), make_pair("b"), make_pair("c", licence="unknown")]
    write_shard(tmp_path / "train-00000.tar", pairs)
    drawn = draw_lots(read_flaws(tmp_path), None, 9)
    assert [sample["flaw"]["tool"] for sample in drawn] == ["add", "remove"] * 2
    assert {sample["pair"]["photo"] for sample in drawn} == {"a", "b"}
    assert len(draw_lots(read_flaws(tmp_path), "remove", 9)) == 2


def test_lots_follow_the_hash_of_the_names_and_not_the_order_of_the_flaws():
    samples = [make_sample(f"p{n}-v0", "add") for n in range(8)]
    expected = sorted(names(samples), key=lambda name: hashlib.sha256(name.encode()).digest())
    assert names(draw_lots(samples, None, 8)) == expected
    assert names(draw_lots(samples[::-1], None, 8)) == expected


def test_every_photo_comes_once_before_any_comes_twice():
    samples = [make_sample(f"p{p}-v{v}", "add") for p in range(3) for v in range(3)]
    drawn = draw_lots(samples, None, 6)
    assert len({sample["pair"]["photo"] for sample in drawn[:3]}) == 3


def test_a_flaw_is_marked_by_its_own_mask(tmp_path):
    write_shard(tmp_path / "train-00000.tar", [make_pair("a")])
    for sample in draw_lots(read_flaws(tmp_path), None, 2):
        _, _, flawed, marked = (np.asarray(cell) for cell in draw_cells(sample))
        middle = flawed.shape[0] // 2
        assert (marked[middle, middle] != flawed[middle, middle]).any()
        assert (marked != flawed).any(axis=-1).mean() < 0.6


def test_the_picture_with_texts_has_the_masks_and_the_words(tmp_path):
    write_shard(tmp_path / "train-00000.tar", [make_pair("a")])
    samples = draw_lots(read_flaws(tmp_path), None, 2)
    drawn = np.asarray(draw_texts(samples))
    for sample in samples:
        sample["flaw"]["text"] = ""
    silent = np.asarray(draw_texts(samples))
    assert (silent == 255).all(-1).sum() > (drawn == 255).all(-1).sum()
    assert (silent == 0).all(-1).any()


def test_the_documentations_pictures_are_one_of_all_tools_one_mixed_and_one_of_each(tmp_path):
    write_shard(tmp_path / "train-00000.tar", [make_pair(name) for name in "abc"])
    found = {name: number for name, _, number in draw_pictures(list(read_flaws(tmp_path)))}
    assert found == {"tools.png": 4, "pairs.png": 6, "add.jpg": 3, "remove.jpg": 3}


def test_another_version_is_refused_in_one_line(tmp_path):
    write_shard(tmp_path / "train-00000.tar", [make_pair("a", version=1)])
    with pytest.raises(FactoryError, match=r"schema version 1, .* reads 2 and 3") as error:
        list(read_flaws(tmp_path))
    assert "\n" not in str(error.value)


class Metric:
    def distance(self, a, b):
        return float(np.abs(a.astype(float) - b).mean())


def test_figures_are_those_of_each_flaws_own_region():
    sample = {**make_pair("a")[1], "__url__": "a.tar"}
    found = list(measure(sample, Metric()))
    assert [(pair, tool) for pair, tool, _ in found] == [("a-p0", "add"), ("a-p0", "remove")]
    assert [figures[0] for *_, figures in found] == [50, 100]
    assert all(figures[1] == 0 and figures[3] == 0 for *_, figures in found)
    assert found[0][2][2] == pytest.approx(256 / (48 * 64))
    assert Image.open(io.BytesIO(sample["flaws.png"])).mode == "L"
