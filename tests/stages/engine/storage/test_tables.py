import pytest

from stages.engine.stage import Reject
from stages.engine.storage.shard import Member
from stages.engine.storage.tables import (
    PHOTO_COLUMNS,
    PHOTOS,
    REJECT_COLUMNS,
    PhotoEntry,
    photo_row,
    read_photos,
    read_table,
    reject_row,
    write_table,
)
from stages.engine.workspace import FactoryError

ROWS = [
    {"key": "a", "x": 1.5, "ok": True, "none": None},
    {"key": "b", "x": 2, "ok": False, "none": 3},
]


def test_tables_are_read_back_and_have_the_same_bytes(tmp_path):
    write_table(tmp_path / "1", ROWS)
    write_table(tmp_path / "2", ROWS)
    assert read_table(tmp_path / "1") == ROWS
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("columns", [(), REJECT_COLUMNS])
def test_tables_without_rows(tmp_path, columns):
    write_table(tmp_path / "t", [], columns)
    assert read_table(tmp_path / "t") == []


def test_rows_of_one_table_have_the_same_columns(tmp_path):
    with pytest.raises(KeyError):
        write_table(tmp_path / "t", [{"a": 1, "b": 2}, {"a": 1}])


def test_photos_are_read_back(tmp_path):
    places = {"json": Member(512, 3, "ab"), "photo.png": Member(2048, 7, "cd")}
    entry = PhotoEntry("k" * 16, 4, "shard-00001.tar", places)
    row = photo_row(entry, rows=2)
    assert (row["members"], row["bytes"], row["rows"]) == (2, 10, 2)
    write_table(tmp_path / PHOTOS, [row], PHOTO_COLUMNS)
    assert read_photos(tmp_path) == [entry]


def test_a_stage_that_has_not_run_has_no_output(tmp_path):
    with pytest.raises(FactoryError, match="no output yet"):
        read_photos(tmp_path / "map")


def test_reject_rows_hold_the_evidence_as_json():
    row = reject_row(Reject("k", None, "too_small", "9 px", {"side": 9}))
    assert row == {
        "key": "k",
        "variant": "",
        "code": "too_small",
        "message": "9 px",
        "evidence": '{"side":9}',
    }
    assert tuple(row) == REJECT_COLUMNS
