import json

import numpy as np
import pytest

from benchmarks.perception import parts
from benchmarks.perception.labels import load
from benchmarks.perception.parts import PartVerdict


def make_verdict(number, kind="eye"):
    return PartVerdict(number=number, photo="a.png", part=f"e0 {kind}", kind=kind, score=0.9)


def test_chosen_photos_hold_people_and_do_not_depend_on_the_labels_order():
    chosen = parts.choose_photos(load())
    assert len(chosen) == parts.PHOTOS
    assert all(photo.people for photo in chosen)
    assert parts.choose_photos(load()[::-1]) == chosen


def test_crop_stays_in_the_photo_and_shows_the_part():
    x0, y0, x1, y1 = parts.crop_around((380, 5, 398, 20), (400, 300))
    assert 0 <= x0 <= 380 and x1 == 400 and y0 == 0 and 20 <= y1 <= 300


def test_tile_outlines_the_mask():
    mask = np.zeros((200, 200), bool)
    mask[90:110, 90:110] = True
    tile = np.asarray(
        parts.draw_tile(np.full((200, 200, 3), 100, np.uint8), mask, (90, 90, 110, 110))
    )
    green = (tile == (0, 255, 0)).all(-1)
    assert green.any() and max(tile.shape) == parts.CELL
    assert (tile[tile.shape[0] // 2, tile.shape[1] // 2] == 100).all()


def test_only_named_parts_of_people_are_shown(entity, part):
    person = entity("person", (0, 0, 40, 60), [part("nose", "nose", (5, 5, 9, 9))])
    thing = entity("cat", (0, 0, 9, 9), [part("upper part", "part", (0, 0, 9, 4), positional=True)])
    assert [p.name for _, p in parts.named_parts([thing, person])] == ["nose"]


def test_sheets_hold_every_tile():
    mask = np.ones((50, 50), bool)
    tile = parts.draw_tile(np.zeros((50, 50, 3), np.uint8), mask, (0, 0, 50, 50))
    count = parts.COLUMNS * parts.ROWS + 1
    sizes = [
        sheet.size[1]
        for sheet in parts.draw_sheets([(make_verdict(n), tile) for n in range(count)])
    ]
    assert sizes == [parts.ROWS * (parts.CELL + parts.CAPTION), parts.CELL + parts.CAPTION]


def test_verdicts_are_counted_by_kind(tmp_path):
    key = [
        make_verdict(n, kind).model_dump() for n, kind in enumerate(["eye", "eye", "hand"], start=1)
    ]
    (tmp_path / "key.json").write_text(json.dumps(key))
    (tmp_path / "wrong.json").write_text("[2]")
    found = parts.read_verdicts(tmp_path / "key.json", tmp_path / "wrong.json")
    assert [v.right for v in found] == [True, False, True]
    text = parts.tabulate_by_kind(found)
    assert "| eye | 1/2 = 50 %" in text and "| all | 2/3 = 67 %" in text


def test_unknown_number_is_refused(tmp_path):
    (tmp_path / "key.json").write_text(json.dumps([make_verdict(1).model_dump()]))
    (tmp_path / "wrong.json").write_text("[7]")
    with pytest.raises(ValueError, match="has the number 7"):
        parts.read_verdicts(tmp_path / "key.json", tmp_path / "wrong.json")
