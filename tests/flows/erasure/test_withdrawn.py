from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from flows.erasure.withdrawn import find_withdrawn, list_withdrawn
from stages.engine.stage import Reject
from stages.engine.storage.shard import write_shard
from stages.engine.storage.source_list import REPLACED, Source, write_list
from stages.engine.storage.tables import REJECT_COLUMNS, reject_row, write_table
from stages.engine.workspace import Workspace

GONE, KEPT = "00112233445566aa", "ffeeddccbbaa9988"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A checkout whose ingest has an output of both photos and records the withdrawal of one."""
    workspace = Workspace(tmp_path)
    folder = workspace.stage("ingest")
    folder.mkdir(parents=True)
    lock = {"stages": {"ingest": {"outs": [{"path": "data/ingest", "md5": "0.dir"}]}}}
    (tmp_path / "dvc.lock").write_text(yaml.safe_dump(lock))
    write_shard(folder / "shard-00000.tar", [(GONE, {"a.png": b"1"})])
    write_shard(folder / "shard-00001.tar", [(KEPT, {"a.png": b"2"})])
    rejects = [reject_row(Reject(GONE, None, "withdrawn", "she asked"))]
    write_table(folder / "rejects.parquet", rejects, REJECT_COLUMNS)
    return workspace


def test_only_files_with_something_of_a_withdrawn_photo_are_found(workspace: Workspace) -> None:
    (found,) = find_withdrawn(workspace, [GONE])
    path = workspace.stage("ingest") / "shard-00000.tar"
    assert (found.stage, str(found)) == (
        "ingest",
        f"{path}: contains {GONE}, which was withdrawn",
    )
    assert find_withdrawn(workspace, ["0" * 16]) == []


def test_purged_photos_are_listed_and_replaced_ones_are_not(workspace: Workspace) -> None:
    assert list_withdrawn(workspace) == []
    common = {"bytes": 1, "licence": "MIT", "origin": "here", "batch": "b"}
    entries = [
        Source(path="", sha256=GONE * 4, withdrawn="she asked", **common),
        Source(path="b.png", sha256=KEPT * 4, withdrawn=REPLACED, **common),
    ]
    for half in ("photos", "words"):
        (workspace.sources / half).mkdir(parents=True)
    write_list(workspace.sources, entries)
    assert list_withdrawn(workspace) == [GONE]
