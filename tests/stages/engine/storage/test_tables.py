import pyarrow.parquet as pq
import pytest

from stages.engine.stage import Reject
from stages.engine.storage import tables
from stages.engine.storage.shard import Member
from stages.engine.storage.tables import (
    PHOTO_COLUMNS,
    PHOTOS,
    REJECT_COLUMNS,
    PhotoEntry,
    Rejects,
    RejectSorter,
    Table,
    TableWriter,
    list_columns,
    photo_row,
    read_column,
    read_photos,
    read_table,
    reject_row,
    select_columns,
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


def test_a_table_is_complete_or_not_there(tmp_path, batches):
    with pytest.raises(KeyboardInterrupt), TableWriter(tmp_path / "t", {"n": int}) as writer:
        for number in range(5):
            writer.add({"n": number})
        assert not (tmp_path / "t").exists()
        raise KeyboardInterrupt
    with pytest.raises(TypeError):
        write_table(tmp_path / "t", [{"n": "1"}], {"n": int})
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def batches(monkeypatch):
    """Row groups of four rows, read in batches of three."""
    monkeypatch.setattr(tables, "BATCH_ROWS", 4)
    monkeypatch.setattr(tables, "_READ_ROWS", 3)


def numbered(count):
    return ({"key": f"{n:02}", "n": n} for n in range(count))


def test_rows_are_written_and_read_in_batches(tmp_path, batches):
    write_table(tmp_path / "t", numbered(10), {"key": str, "n": int})
    groups = pq.ParquetFile(tmp_path / "t").metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [4, 4, 2]
    table = Table(tmp_path / "t")
    assert len(table) == 10 and list(table) == list(table) == list(numbered(10))


def test_few_rows_are_in_memory_while_a_table_is_written(tmp_path, batches):
    with TableWriter(tmp_path / "t", {"key": str, "n": int}) as writer:
        for row in numbered(7):
            writer.add(row)
            assert all(len(values) < 4 for values in writer._values.values())


def test_single_rows_columns_and_slices_of_a_table(tmp_path, batches):
    write_table(tmp_path / "t", numbered(6), {"key": str, "n": int})
    table = Table(tmp_path / "t")
    assert (table[0]["n"], table[5]["n"], table[-1]["n"]) == (0, 5, 5)
    assert [row["n"] for row in table[1:6:2]] == [1, 3, 5]
    with pytest.raises(IndexError):
        table[6]
    assert list(table.select(["n"]))[2] == {"n": 2} and len(table.select(["n"])) == 6
    assert table.select(["n"]).arrow().column_names == ["n"]


def test_functions_on_rows_take_tables_and_lists(tmp_path):
    rows = list(numbered(3))
    write_table(tmp_path / "t", rows, {"key": str, "n": int})
    write_table(tmp_path / "empty", [], {"key": str})
    for found in (Table(tmp_path / "t"), rows):
        assert list_columns(found) == ["key", "n"]
        assert read_column(found, "n") == [0, 1, 2]
        assert [row["n"] for row in select_columns(found, ["n"])] == [0, 1, 2]
    assert list_columns(Table(tmp_path / "empty")) == list_columns([]) == []


def test_rejects_are_sorted_and_read_back(tmp_path, batches):
    found = [
        Reject(f"{n % 3}", f"v{n}" if n % 2 else None, f"code_{n % 2}", f"no {n}", {"n": n})
        for n in range(9)
    ]
    sorter = RejectSorter()
    sorter.add(found[:5])
    sorter.add(found[5:])
    sorter.write(tmp_path / "r")
    rejects = Rejects(Table(tmp_path / "r"))
    expected = sorted(found, key=lambda r: (r.key, r.variant or "", r.code))
    assert list(rejects) == expected and len(rejects) == 9
    assert rejects[1] == expected[1] and rejects[7:] == expected[7:]
