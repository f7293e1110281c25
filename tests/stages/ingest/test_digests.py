from __future__ import annotations

import hashlib
import os

import pytest

from stages.ingest import digests
from stages.ingest.digests import Digests
from stages.ingest.files import FileProblem


def old(path, data):
    path.write_bytes(data)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture
def settled(monkeypatch):
    """Files just written count as settled."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))


def test_known_file_is_not_read_again(tmp_path, monkeypatch, settled):
    photo, cache = old(tmp_path / "a.jpg", b"abc"), tmp_path / "cache" / "scan.json"
    first = Digests(cache)
    assert first.of(photo) == (3, hashlib.sha256(b"abc").hexdigest())
    first.save()
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert Digests(cache).of(photo) == (3, hashlib.sha256(b"abc").hexdigest())


def test_other_bytes_of_the_same_size_and_time_are_noticed(tmp_path, settled):
    photo, cache = old(tmp_path / "a.jpg", b"abc"), tmp_path / "scan.json"
    first = Digests(cache)
    first.of(photo)
    first.save()
    old(photo, b"xyz")
    assert Digests(cache).of(photo)[1] == hashlib.sha256(b"xyz").hexdigest()


def test_file_changed_a_moment_ago_is_not_remembered(tmp_path):
    photo, cache = tmp_path / "a.jpg", tmp_path / "scan.json"
    photo.write_bytes(b"abc")
    first = Digests(cache)
    first.of(photo)
    assert first.fresh == {}


@pytest.mark.parametrize("damage", [b"{", b"[1]", b"\xff"])
def test_damaged_cache_means_hashing_again(tmp_path, damage):
    photo, cache = old(tmp_path / "a.jpg", b"abc"), tmp_path / "scan.json"
    cache.write_bytes(damage)
    assert Digests(cache).of(photo)[0] == 3


def test_empty_and_endless_files_are_problems(tmp_path):
    (tmp_path / "empty.jpg").write_bytes(b"")
    with (tmp_path / "endless.jpg").open("wb") as file:
        file.truncate(digests.MAX_HASHED + 1)
    for name, code in [("empty.jpg", "empty"), ("endless.jpg", "too_large")]:
        with pytest.raises(FileProblem) as found:
            Digests(None).of(tmp_path / name)
        assert found.value.code == code
