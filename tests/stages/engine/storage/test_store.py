import os
import pickle
import signal
import subprocess
import sys

import pytest
from toy.factory import key_of
from toy.source.stage import Line

from stages.engine.stage import Output, Reject
from stages.engine.storage import store as store_module
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import FactoryError

KEY = "ab" * 32
REJECTS = [Reject("k", "v1", "flat", "no texture", {"std": 0.5, "at": [1, 2]})]
RESULT = Result(
    {"key": "k", "text": "é", "n": [1, 2.5, None]},
    {"v0.photo.png": bytes(range(256)) * 9, "empty": b"", "output.json": b"no document"},
    REJECTS,
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_a_result_is_read_back(store):
    assert (store.get(KEY), store.has(KEY)) == (None, False)
    store.put(KEY, RESULT)
    assert (store.get(KEY), store.has(KEY)) == (RESULT, True)


def test_a_rejected_photo_is_read_back(store):
    result = Result(None, {}, [Reject("k", None, "too_small", "9 px")])
    store.put(KEY, result)
    assert store.get(KEY) == result


def test_results_are_made_from_outputs():
    output = Output(Line(key=key_of("x"), text="x"), {"photo.png": b"p"}, REJECTS)
    document = {"key": key_of("x"), "text": "x"}
    assert Result.of(output) == Result(document, {"photo.png": b"p"}, REJECTS)


def test_the_same_result_gives_the_same_blob(store):
    store.put(KEY, RESULT)
    first = store.path(KEY).read_bytes()
    members = dict(reversed(RESULT.members.items()))
    store.put(KEY, Result(RESULT.document, members, REJECTS))
    assert store.path(KEY).read_bytes() == first


def flipped(blob, at):
    return blob[:at] + bytes([blob[at] ^ 1]) + blob[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda blob: flipped(blob, 3),
        lambda blob: flipped(blob, 70),
        lambda blob: flipped(blob, len(blob) - 1),
        lambda blob: blob[:-1],
        lambda blob: blob[:40],
        lambda blob: b"",
        lambda blob: blob + b"\n",
        lambda blob: pickle.dumps(RESULT),
    ],
    ids=["digest", "head", "tail", "truncated", "in digest", "empty", "longer", "pickle"],
)
def test_a_damaged_blob_is_removed(store, damage):
    store.put(KEY, RESULT)
    store.path(KEY).write_bytes(damage(store.path(KEY).read_bytes()))
    assert store.get(KEY) is None
    assert not store.has(KEY)
    store.put(KEY, RESULT)
    assert store.get(KEY) == RESULT


KILLED = """
import os, signal, sys
from pathlib import Path
from stages.engine import files
from stages.engine.storage.store import Result, Store
files.Path.replace = lambda self, target: os.kill(os.getpid(), signal.SIGKILL)
Store(Path(sys.argv[1])).put(sys.argv[2], Result({"a": 1}, {"m": b"x" * 99}, []))
"""


def test_a_writer_killed_before_its_rename_leaves_only_a_leftover(store):
    command = [sys.executable, "-c", KILLED, str(store.root), KEY]
    done = subprocess.run(command, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    (temporary,) = store.path(KEY).parent.iterdir()
    assert (store.get(KEY), store.has(KEY), list(store.keys())) == (None, False, [])
    assert store.leftovers(3600) == []  # its writer may be at work still
    os.utime(temporary, (0, 0))
    assert store.leftovers(3600) == [temporary]


def test_a_result_that_is_not_json_is_not_stored(store):
    with pytest.raises(ValueError):
        store.put(KEY, Result({"x": float("nan")}, {}, []))
    assert list(store.keys()) == []


def test_a_full_disk_is_an_error_that_names_the_store(store, monkeypatch):
    def full(path, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_atomically", full)
    with pytest.raises(FactoryError, match=r"cannot write to the store .*: No space left.*; free"):
        store.put(KEY, RESULT)


def test_keys_are_listed_sorted_and_removed(store):
    for key in ("cd" * 32, "ab" * 32):
        store.put(key, RESULT)
    assert list(store.keys()) == ["ab" * 32, "cd" * 32]
    assert store.size(store.keys()) == 2 * store.path(KEY).stat().st_size
    store.remove(KEY)
    assert list(store.keys()) == ["cd" * 32]
    assert store.get(KEY) is None and store.size([KEY]) == 0
