import pyarrow.parquet as pq
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

COLUMNS = {"key": str, "x": float, "ok": bool, "n": int}
ROWS = [
    {"key": "a", "x": 1.5, "ok": True, "n": None},
    {"key": "b", "x": 2, "ok": False, "n": 3},
]


def test_tables_are_read_back_and_have_the_same_bytes(tmp_path):
    write_table(tmp_path / "1", ROWS, COLUMNS)
    write_table(tmp_path / "2", ROWS, COLUMNS)
    assert read_table(tmp_path / "1") == ROWS
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


@pytest.mark.parametrize("rows", [[], ROWS, [dict.fromkeys(COLUMNS)], ROWS[1:]])
def test_the_schema_does_not_depend_on_the_rows(tmp_path, rows):
    write_table(tmp_path / "t", rows, COLUMNS)
    schema = pq.read_schema(tmp_path / "t")
    assert {field.name: str(field.type) for field in schema} == {
        "key": "string", "x": "double", "ok": "bool", "n": "int64",
    }  # fmt: skip


@pytest.mark.parametrize("row", [{"a": 1}, {"a": 1, "b": 2, "c": 3}])
def test_rows_have_exactly_the_columns(tmp_path, row):
    with pytest.raises(KeyError):
        write_table(tmp_path / "t", [{"a": 1, "b": 2}, row], {"a": int, "b": int})


@pytest.mark.parametrize("value", ["1", 1.5])
def test_a_value_of_another_type_is_refused(tmp_path, value):
    with pytest.raises((ValueError, TypeError)):
        write_table(tmp_path / "t", [{"a": value}], {"a": int})


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
    assert tuple(row) == tuple(REJECT_COLUMNS)
