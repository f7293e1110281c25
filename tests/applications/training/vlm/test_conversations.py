import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from exporting import export

from applications.inspectors.vlm.families import FAMILIES
from applications.training.vlm.conversations import (
    ALL_TASKS,
    choose,
    describe_balance,
    open_export,
)
from stages.engine.workspace import FactoryError

QWEN = FAMILIES["qwen2.5-vl"]


@pytest.fixture(scope="module")
def exported(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export("trl", published, tmp_path_factory.mktemp("exports") / "trl")


def test_an_export_has_all_tasks_with_as_many_yes_as_no(exported: Path) -> None:
    found = choose(open_export(exported, QWEN), "train", ALL_TASKS)
    assert set(found.balance) == set(ALL_TASKS)
    for task in ("detection", "localisation", "overall"):
        assert found.balance[task]["yes"] == found.balance[task]["no"] > 0
    assert set(found.balance["pair"]) == {"first", "second"}
    assert sum(found.licences.values()) == len(found.rows)
    assert describe_balance({"region": {"any": 3}, "overall": {"no": 2, "yes": 2}}) == (
        "region: 3\noverall: 2 no, 2 yes"
    )


def test_some_pairs_keep_the_balance(exported: Path) -> None:
    opened = open_export(exported, QWEN)
    found = choose(opened, "train", ("detection", "pair"), pairs=3)
    assert found.balance["detection"] == {"no": 3, "yes": 3}
    assert sum(found.balance["pair"].values()) == 3 and len(found.rows) == 9


def test_an_export_of_another_target_is_refused(exported: Path) -> None:
    with pytest.raises(FactoryError, match=r"exported for qwen2\.5-vl, the model is a internvl"):
        open_export(exported, FAMILIES["internvl"])


@pytest.mark.parametrize("name", ["llama-factory", "coco"])
def test_another_layout_is_refused(name: str, published: Path, tmp_path: Path) -> None:
    folder = export(name, published, tmp_path / "set")
    with pytest.raises(FactoryError, match=r"`flawfactory export trl --target qwen2\.5-vl"):
        open_export(folder, QWEN)


def test_questions_of_another_version_are_refused(exported: Path, tmp_path: Path) -> None:
    summary = json.loads((exported / "summary.json").read_text())
    copy = tmp_path / "copy"
    (copy / "data").mkdir(parents=True)
    (copy / "summary.json").write_text(json.dumps({**summary, "questions": 0}))
    (copy / "data" / "train.parquet").touch()
    with pytest.raises(FactoryError, match="version 0 of the questions"):
        open_export(copy, QWEN)


def rewrite(exported: Path, folder: Path, **changes: object) -> Path:
    """Copy an export with other values in columns of its training split; None drops a column."""
    (folder / "data").mkdir(parents=True)
    (folder / "summary.json").write_bytes((exported / "summary.json").read_bytes())
    table = pq.read_table(exported / "data" / "train.parquet")
    for name, value in changes.items():
        if value is None:
            table = table.drop_columns(name)
        else:
            column = pa.array([value] * len(table), table.schema.field(name).type)
            table = table.set_column(table.column_names.index(name), name, column)
    pq.write_table(table, folder / "data" / "train.parquet")
    return folder


def test_a_missing_column_is_named(exported: Path, tmp_path: Path) -> None:
    folder = rewrite(exported, tmp_path / "set", messages=None)
    with pytest.raises(FactoryError, match="has no column messages"):
        open_export(folder, QWEN)


def test_a_file_that_is_not_parquet_is_named(exported: Path, tmp_path: Path) -> None:
    folder = rewrite(exported, tmp_path / "set")
    (folder / "data" / "train.parquet").write_bytes(b"no table")
    with pytest.raises(FactoryError, match="is not a Parquet file"):
        open_export(folder, QWEN)


def test_an_answer_in_prose_is_refused(exported: Path, tmp_path: Path) -> None:
    turn = {"role": "assistant", "content": [{"type": "text", "text": "Yes, it is."}]}
    folder = rewrite(exported, tmp_path / "set", task="detection", messages=[turn, turn])
    with pytest.raises(FactoryError, match="is not of the form of detection: Invalid JSON"):
        choose(open_export(folder, QWEN), "train", ("detection",))


def test_a_task_that_does_not_occur_is_refused(exported: Path, tmp_path: Path) -> None:
    folder = rewrite(exported, tmp_path / "set", task="region", messages=[
        {"role": "user", "content": []},
        {"role": "assistant", "content": [{"type": "text", "text": '{"explanation": "."}'}]},
    ])  # fmt: skip
    opened = open_export(folder, QWEN)
    with pytest.raises(FactoryError, match="no conversation of detection"):
        choose(opened, "train", ("detection", "region"))
    with pytest.raises(FactoryError, match="no conversation of the tasks pair"):
        choose(opened, "train", ("pair",))
