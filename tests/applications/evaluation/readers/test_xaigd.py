import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from benchmark_files import png

from applications.evaluation.readers import detect_form
from applications.pictures import decode
from stages.engine.workspace import FactoryError

POINTS = [[2.0, 2.0], [12.0, 2.0], [12.0, 10.0], [2.0, 10.0]]
LABELS = pa.list_(pa.struct([("label", pa.string()), ("points", pa.list_(pa.list_(pa.float64())))]))
SCHEMA = pa.schema(
    [
        ("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
        ("generator", pa.string()),
        ("uid", pa.string()),
        ("labels", LABELS),
        ("width", pa.int64()),
        ("height", pa.int64()),
    ]
)


def row(uid, labels, value=128):
    return {
        "image": {"bytes": png(value=value), "path": f"{uid}.png"},
        "generator": "flux", "uid": uid, "labels": labels, "width": 40, "height": 30,
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    def write(rows, split="labeled_test", group=2):
        path = tmp_path / "data" / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, SCHEMA), path, row_group_size=group)
        return tmp_path

    return write


def test_polygons_and_pictures(read, folder):
    label = {"label": "high-level-semantics", "points": POINTS}
    path = folder([row("a", [label], 10), row("b", [], 20), row("c", [label, label], 30)])
    assert detect_form(path) == "x-aigd"
    first, second, third = read("x-aigd", path).examples
    assert first.regions[0].box == (2, 2, 12, 10)
    assert first.regions[0].kind == "high-level-semantics"
    assert first.mask((40, 30)).sum() == 80
    assert [e.label for e in (first, second, third)] == ["flawed", "clean", "flawed"]
    assert [decode(e.read())[0, 0, 0] for e in (first, second, third)] == [10, 20, 30]
    assert first.facts == {"generator": "flux"}


@pytest.mark.parametrize(("split", "labels"), [("unlabeled_test", []), ("labeled_test", None)])
def test_a_picture_that_nobody_looked_at_is_unknown(read, folder, split, labels):
    [example] = read("x-aigd", folder([row("a", labels)], split)).examples
    assert example.label == "unknown"


def test_a_split_without_any_label_column_type_is_read(read, tmp_path):
    """The published unlabelled files have labels of type null."""
    table = pa.Table.from_pylist([row("a", None)], SCHEMA)
    place = table.schema.get_field_index("labels")
    table = table.set_column(place, "labels", pa.nulls(1))
    pq.write_table(table, tmp_path / "unlabeled_train-0.parquet")
    assert [e.label for e in read("x-aigd", tmp_path).examples] == ["unknown"]


def test_a_bad_polygon_is_named(read, kinds, folder):
    bad = [
        row("a", [{"label": "x", "points": POINTS[:2]}]),
        row("b", [{"label": "x", "points": None}]),
    ]
    assert kinds(read("x-aigd", folder(bad))) == [
        ("bad label", "labeled_test/flux/a"),
        ("bad label", "labeled_test/flux/b"),
    ]


def test_other_columns_are_another_form(read, tmp_path):
    path = tmp_path / "labeled_test-0.parquet"
    pq.write_table(pa.table({"image": [b""], "uid": ["a"]}), path)
    with pytest.raises(FactoryError, match="generator, height, labels, width"):
        read("x-aigd", tmp_path)


def test_a_damaged_file_is_an_error(read, tmp_path):
    (tmp_path / "labeled_test-0.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(FactoryError, match="is damaged"):
        read("x-aigd", tmp_path)
