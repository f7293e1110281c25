import io
import os

import numpy as np
import pytest
from PIL import Image

from applications.inspection import inspect_files, list_pictures, to_json
from applications.overlay import draw_overlay
from applications.protocols import Finding, Region, Thresholds
from stages.engine.stage import RejectPhoto
from stages.engine.workspace import FactoryError


class Fixed:
    name = "fixed"
    thresholds = Thresholds()

    def inspect(self, picture):
        if picture.shape[0] == 7:
            raise RejectPhoto("unreadable_answer", "the answer is prose")
        mask = np.zeros(picture.shape[:2], np.float32)
        mask[2:6, 2:6] = 0.9
        return Finding(0.75, (Region((2, 2, 6, 6), 0.9, "add", "An extra ear."),), mask, "Why.")


def write(path, size=(20, 10)):
    Image.fromarray(np.full((size[1], size[0], 3), 100, np.uint8)).save(path)
    return path


def test_files_and_folders_are_listed(tmp_path):
    first = write(tmp_path / "b.png")
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "in").mkdir()
    second = write(tmp_path / "in" / "a.jpg")
    assert list_pictures([tmp_path]) == [first, second]
    assert list_pictures([second, first]) == [second, first]


def test_missing_paths_and_empty_folders_are_named(tmp_path):
    with pytest.raises(FactoryError, match=r"nothing\.png does not exist"):
        list_pictures([tmp_path / "nothing.png"])
    with pytest.raises(FactoryError, match="holds no picture"):
        list_pictures([tmp_path])


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    good, shut = write(tmp_path / "good.png"), tmp_path / "shut"
    monkeypatch.setattr(
        "applications.inspection.Walk", lambda path: [(good, None), (shut, OSError())]
    )
    found = list(inspect_files(list_pictures([tmp_path]), Fixed()))
    assert [bool(f.problem) for f in found] == [False, True]


def test_what_cannot_be_inspected_does_not_stop_the_rest(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG no picture")
    prose, good = write(tmp_path / "prose.png", (9, 7)), write(tmp_path / "good.png")
    pipe, device = tmp_path / "pipe.png", tmp_path / "zero.png"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    found = list(inspect_files([broken, prose, pipe, device, good], Fixed()))
    assert [bool(f.problem) for f in found] == [True, True, True, True, False]
    assert found[1].problem == "the answer is prose"
    assert "FIFO, socket or device" in found[2].problem and "not opened" in found[3].problem
    assert to_json(found[0], Fixed())["problem"].startswith("not inspected")


def test_json_holds_boxes_in_pixels(tmp_path):
    (found,) = inspect_files([write(tmp_path / "a.png")], Fixed())
    record = to_json(found, Fixed())
    assert (record["width"], record["height"], record["flawed"]) == (20, 10, True)
    assert record["regions"] == [
        {"box": [2, 2, 6, 6], "score": 0.9, "tool": "add", "text": "An extra ear."}
    ]


def test_the_overlay_marks_the_region_and_keeps_the_rest(tmp_path):
    picture = np.full((200, 300, 3), 100, np.uint8)
    mask = np.zeros((200, 300), np.float32)
    mask[100:150, 100:200] = 1.0
    finding = Finding(0.9, (Region((100, 100, 200, 150), 0.9, "add"),), mask)
    image = draw_overlay(picture, finding, Thresholds())
    drawn = np.asarray(image)
    assert image.size == (300, 200)
    assert (drawn[125, 150] != 100).any() and (drawn[180, 20] == 100).all()
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
