from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.chaos.nulls import Constant
from benchmarks.growth.changes import compare
from benchmarks.growth.evaluations import counted
from benchmarks.growth.factory import Build, Factory, StageFiles
from benchmarks.growth.traces import records_withdrawal, search
from stages import STAGES
from stages.engine.gates import gate

KEY = "0123456789abcdef"


def make_build(shards: dict[str, str], computed: int) -> Build:
    files = StageFiles(shards, dict.fromkeys(shards, 10), 100)
    return Build(
        Counter(),
        dict.fromkeys(STAGES, computed),
        dict.fromkeys(STAGES, 25),
        dict.fromkeys(STAGES, files),
    )


def test_shards_are_compared_by_their_bytes() -> None:
    before = make_build({"a": "1", "b": "2", "c": "3"}, 4)
    after = make_build({"a": "1", "b": "0", "d": "4"}, 1)
    change = compare(before, after)[0]
    assert (change.first, change.computed, change.same) == (4, 1, 1)
    assert (change.rewritten, change.new, change.lost) == (["b"], ["d"], ["c"])
    assert (change.stored_shards, change.stored, change.bytes) == (20, 25, 100)


def test_calls_are_counted_within_the_context_only() -> None:
    distance, metric = Constant.distance, Constant("plain")
    picture = np.zeros((1, 1, 3), np.uint8)
    with counted() as counts:
        metric.distance(picture, picture)
        metric.distance(picture, picture)
    metric.distance(picture, picture)
    assert counts == {"metric": 2} and Constant.distance is distance


def test_needles_are_found_in_tables_too(tmp_path: Path) -> None:
    pq.write_table(pa.table({"name": ["hers.png"]}), tmp_path / "a.parquet")
    (tmp_path / "b").write_bytes(b"of hers.png")
    (tmp_path / "c").write_bytes(b"of others")
    found = search([tmp_path], {"name": b"hers.png", "key": b"0123"})
    assert found == {"name": [tmp_path / "a.parquet", tmp_path / "b"]}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (f'{{"bytes":1,"sha256":"{KEY * 4}","withdrawn":"she asked"}}\n', True),
        (f'{{"bytes":1,"caption":"a face","sha256":"{KEY * 4}"}}\n', False),
        (f"{KEY}-p0.json", False),
    ],
)
def test_lines_of_the_source_list_record_a_withdrawal(
    tmp_path: Path, content: str, expected: bool
) -> None:
    (tmp_path / "file").write_text(content)
    assert records_withdrawal(tmp_path / "file", KEY) is expected


@pytest.mark.parametrize(("code", "expected"), [("withdrawn", True), ("not_a_flaw", False)])
def test_a_reject_of_another_kind_is_more_than_a_withdrawal(
    tmp_path: Path, code: str, expected: bool
) -> None:
    pq.write_table(pa.table({"key": [KEY, "f"], "code": [code, "damaged"]}), tmp_path / "rejects")
    assert records_withdrawal(tmp_path / "rejects", KEY) is expected


@pytest.mark.slow
def test_growth_computes_new_photos_and_a_withdrawal_rewrites_its_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not tested here, and a third of the time.
    monkeypatch.setattr(gate, "load_library", lambda: None)
    monkeypatch.setattr(gate, "run", lambda suite, *words: gate.GateResult(suite.stage, []))
    factory = Factory(tmp_path / "factory", photos_per_shard=2)
    with factory.working():
        factory.add_photos(4)
        first = factory.build()
        factory.add_photos(1)
        grown = factory.build()
        factory.withdraw(factory.entries()[0].key)
        withdrawn = factory.build()
    assert first.evaluations["perceiver"] == 4 and grown.evaluations["perceiver"] == 1
    assert grown.computed == dict.fromkeys(STAGES, 1)
    for change in compare(first, grown):
        assert not change.rewritten and not change.lost and change.new, change
    for change in compare(grown, withdrawn, first):
        gone = change.rewritten + change.lost
        assert gone and all("00000" in name for name in gone) and not change.new, change
