import ast
import hashlib
import math
import os
import stat
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from stages.engine import files
from stages.engine.files import (
    canonical_json,
    pretty_json,
    replacing,
    sha256,
    sha256_file,
    write_atomically,
)
from stages.engine.storage.store import Result, Store

ROOT = Path(__file__).parents[3]


def test_write_atomically_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b.bin"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["b.bin"]


def test_a_failed_write_leaves_the_old_bytes_and_no_temporary_file(tmp_path, monkeypatch):
    path = tmp_path / "b.bin"
    write_atomically(path, b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]


@pytest.fixture(params=[0o002, 0o022, 0o077])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_files_have_the_permissions_that_the_umask_gives(tmp_path, umask):
    write_atomically(tmp_path / "plain", b"x")
    write_atomically(tmp_path / "plain", b"again")
    with replacing(tmp_path / "tensors") as partial:
        save_file({"a": torch.zeros(2)}, partial)  # the library makes its files 0600
    store = Store(tmp_path / "store")
    store.put("ab" * 32, Result({}, {}, []))
    for path in (tmp_path / "plain", tmp_path / "tensors", store.path("ab" * 32)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


def test_replacing_keeps_the_old_file_if_the_block_raises(tmp_path):
    path = tmp_path / "b.bin"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(path) as partial:
        partial.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]


def calls(path):
    """Yield the names of the functions that a module calls."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "attr", getattr(node.func, "id", ""))


def test_no_other_module_implements_atomic_writes():
    modules = [
        path
        for folder in ("stages", "flows", "training", "benchmarks")
        for path in (ROOT / folder).rglob("*.py")
    ]
    own = {"mkstemp", "NamedTemporaryFile", "rename", "move"}
    assert [path for path in modules if own & set(calls(path))] == []


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'.encode()


@pytest.mark.parametrize("write", [canonical_json, pretty_json])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_is_refused(write, value):
    with pytest.raises(ValueError):
        write({"a": value})


def test_digests_agree(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256_file(tmp_path / "x") == sha256(b"abc") == hashlib.sha256(b"abc").hexdigest()
