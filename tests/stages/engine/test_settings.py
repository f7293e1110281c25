from typing import get_args

import pytest

from stages.engine.execution.executor import EXECUTORS
from stages.engine.settings import ExecutorSettings, Settings, load_settings, open_store
from stages.engine.storage.bucket import BucketStore
from stages.engine.workspace import FactoryError, Workspace


def load(tmp_path, text):
    (tmp_path / "factory.toml").write_bytes(text.encode() if isinstance(text, str) else text)
    return load_settings(Workspace(tmp_path))


def test_missing_values_are_defaults(tmp_path):
    assert load_settings(Workspace(tmp_path)) == Settings()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("stor = 'x'", "unknown key `stor`; did you mean `store`?"),
        ("[executor]\nworker = 2", "unknown key `executor.worker`; did you mean `workers`?"),
        (
            "[executor]\nkind = 'threads'",
            "`executor.kind`: Input should be 'inline', 'processes' or 'ray' "
            "(got 'threads'; allowed: inline, processes, ray)",
        ),
        (
            "[executor]\nworkers = 'many'",
            "`executor.workers`: Input should be a valid integer "
            "(got 'many'; allowed: 0 to 100000)",
        ),
        (
            "[executor]\nthreads = 0",
            "`executor.threads`: Input should be greater than or equal to 1 "
            "(got 0; allowed: 1 to 1024)",
        ),
        (
            "[executor]\naddress = 'ray://head:10001'",
            "`executor.address`: Ray Client is not supported: build on a node and give HOST:PORT "
            "(got 'ray://head:10001')",
        ),
        (
            "[executor]\naddress = 'head'",
            "`executor.address`: Input should be 'auto' or HOST:PORT of the cluster's head "
            "(got 'head')",
        ),
        (
            "[executor]\ngpus_per_worker = 2.0",
            "`executor.gpus_per_worker`: Input should be less than or equal to 1 "
            "(got 2.0; allowed: 0 (exclusive) to 1)",
        ),
        (
            "store = 's3://key:secret@bucket/x'",
            "`store`: Input should be a folder or s3://BUCKET/PREFIX, without credentials "
            "(got a hidden value)",
        ),
        (
            "stage_timeout_minutes = 0",
            "`stage_timeout_minutes`: Input should be greater than 0 "
            "(got 0; allowed: 0 (exclusive) to 525600)",
        ),
        ("[executor", "Expected ']' at the end of a table declaration (at end of document)"),
        (
            b"store = '\xff'",
            "'utf-8' codec can't decode byte 0xff in position 9: invalid start byte",
        ),
    ],
)
def test_wrong_keys_and_values_are_named(tmp_path, text, named):
    with pytest.raises(FactoryError) as error:
        load(tmp_path, text)
    assert str(error.value) == f"{tmp_path / 'factory.toml'}: {named}"


def test_store_is_relative_to_the_project_or_absolute(tmp_path):
    workspace = Workspace(tmp_path)
    assert open_store(workspace, load(tmp_path, "")).root == tmp_path / "data" / ".store"
    assert str(open_store(workspace, load(tmp_path, "store = '/big/disk'"))) == "/big/disk"


@pytest.mark.parametrize("store", ["s3://bucket", "s3://bucket/prefix/more/"])
def test_store_in_a_bucket(tmp_path, store):
    found = open_store(Workspace(tmp_path), load(tmp_path, f"store = '{store}'"))
    assert (type(found), str(found)) == (BucketStore, store.rstrip("/"))


def test_every_kind_has_an_executor():
    assert get_args(ExecutorSettings.model_fields["kind"].annotation) == tuple(EXECUTORS)


def test_there_are_at_most_as_many_workers_as_photos_and_at_least_one():
    assert ExecutorSettings(workers=4).worker_count(2) == 2
    assert ExecutorSettings(workers=4).worker_count(9) == 4
    assert ExecutorSettings(workers=4).worker_count(0) == 1
    assert ExecutorSettings(workers=0).worker_count(1000) >= 1


@pytest.mark.parametrize(
    ("settings", "gpus", "text"),
    [
        ({}, 0, "4 workers, one per core"),
        ({}, 1, "1 worker, one per GPU"),
        ({}, 8, "8 workers, one per GPU"),
        ({"workers": 3}, 1, "3 workers, of 3 in factory.toml"),
        ({"kind": "inline"}, 8, "in the stage's own process"),
        ({"kind": "ray"}, 0, "workers on Ray, 1 CPU each"),
        ({"kind": "ray", "gpus_per_worker": 0.5}, 1, "workers on Ray, 0.5 GPU each"),
        ({"kind": "ray", "workers": 9}, 0, "9 workers on Ray, of 9 in factory.toml"),
    ],
)
def test_workers_follow_the_device_unless_their_number_is_set(settings, gpus, text, monkeypatch):
    monkeypatch.setattr("stages.engine.settings._count_cores", lambda: 4)
    assert ExecutorSettings(**settings).describe_workers(100, gpus) == text
