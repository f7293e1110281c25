import math

import pytest

from stages.engine import files
from stages.engine.files import canonical_json, pretty_json, sha256, sha256_file, write_atomically


def test_write_atomically_makes_folders_and_replaces(tmp_path):
    path = tmp_path / "a" / "b.bin"
    write_atomically(path, b"old")
    write_atomically(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in path.parent.iterdir()] == ["b.bin"]


def test_a_failed_write_leaves_the_old_bytes_and_no_litter(tmp_path, monkeypatch):
    path = tmp_path / "b.bin"
    write_atomically(path, b"old")

    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files.Path, "replace", full)
    with pytest.raises(OSError, match="No space"):
        write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["b.bin"]


def test_canonical_json_has_one_spelling():
    assert canonical_json({"b": [1, 2.5], "a": "é"}) == '{"a":"é","b":[1,2.5]}'.encode()


@pytest.mark.parametrize("write", [canonical_json, pretty_json])
@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_no_json_holds_nan(write, value):
    with pytest.raises(ValueError):
        write({"a": value})


def test_digests_agree(tmp_path):
    (tmp_path / "x").write_bytes(b"abc")
    assert sha256(b"abc").startswith("ba7816bf")
    assert sha256_file(tmp_path / "x") == sha256(b"abc")
