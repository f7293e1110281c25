import io
import json

import numpy as np
import pytest
from PIL import Image

from benchmarks.pairs import measure
from benchmarks.sheet import choose_flaws, draw_cells
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
            {"index": index, "tool": tool, "kernel": "k", "entity": "e", "part": "p",
             "edit_box": box}
            for index, (tool, box) in enumerate(BOXES.items(), start=1)
        ],
    }  # fmt: skip
    return f"{key}-p0", {
        "real.png": write_png(photo), "control.png": write_png(photo),
        "artifact.png": write_png(artifact), "edit.png": write_png(flaws > 0),
        "flaws.png": write_png(flaws), "mask.png": write_png(flaws > 0),
        "json": json.dumps(record).encode(),
    }  # fmt: skip


def test_flaws_are_chosen_by_tool_and_licence(tmp_path):
    pairs = [make_pair("a"), make_pair("b"), make_pair("c", licence="unknown")]
    write_shard(tmp_path / "train-00000.tar", pairs)
    chosen = choose_flaws(tmp_path, None, 9)
    assert [(s["flaw"]["tool"], s["pair"]["photo"]) for s in chosen] == [
        ("add", "a"), ("remove", "a"), ("add", "b"), ("remove", "b"),
    ]  # fmt: skip
    assert len(choose_flaws(tmp_path, "remove", 9)) == 2


def test_a_flaw_is_marked_by_its_own_mask(tmp_path):
    write_shard(tmp_path / "train-00000.tar", [make_pair("a")])
    for sample in choose_flaws(tmp_path, None, 2):
        _, _, flawed, marked = (np.asarray(cell) for cell in draw_cells(sample))
        middle = flawed.shape[0] // 2
        assert (marked[middle, middle] != flawed[middle, middle]).any()
        assert (marked != flawed).any(axis=-1).mean() < 0.6


def test_another_version_is_refused_in_one_line(tmp_path):
    write_shard(tmp_path / "train-00000.tar", [make_pair("a", version=1)])
    with pytest.raises(FactoryError, match=r"schema version 1, .* reads 2") as error:
        choose_flaws(tmp_path, None, 1)
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
