from __future__ import annotations

import hashlib
import os

import pytest

from stages.engine.storage import digests
from stages.engine.storage.digests import Digests

SHA = hashlib.sha256(b"abc").hexdigest()


def old(path, data):
    path.write_bytes(data)
    os.utime(path, (1_000_000_000, 1_000_000_000))
    return path


@pytest.fixture
def settled(monkeypatch):
    """Files just written count as settled."""
    monkeypatch.setattr(digests, "_SETTLED_NS", -(10**12))


def test_a_known_file_is_not_read_again(tmp_path, monkeypatch, settled):
    photo, cache = old(tmp_path / "a.jpg", b"abc"), tmp_path / "cache" / "scan.json"
    first = Digests(cache)
    assert first.of(photo) == SHA
    first.save()
    monkeypatch.setattr(hashlib, "file_digest", lambda *_: pytest.fail("read again"))
    assert Digests(cache).of(photo) == SHA


def test_other_bytes_of_the_same_size_and_time_are_noticed(tmp_path, settled):
    photo, cache = old(tmp_path / "a.jpg", b"abc"), tmp_path / "scan.json"
    first = Digests(cache)
    first.of(photo)
    first.save()
    old(photo, b"xyz")
    assert Digests(cache).of(photo) == hashlib.sha256(b"xyz").hexdigest()


def test_a_file_changed_a_moment_ago_is_not_cached(tmp_path):
    photo, cache = tmp_path / "a.jpg", tmp_path / "scan.json"
    photo.write_bytes(b"abc")
    first = Digests(cache)
    first.of(photo)
    assert first.fresh == {}


@pytest.mark.parametrize("damage", [b"{", b"[1]", b"\xff"])
def test_with_a_damaged_cache_files_are_hashed_again(tmp_path, damage):
    photo, cache = old(tmp_path / "a.jpg", b"abc"), tmp_path / "scan.json"
    cache.write_bytes(damage)
    assert Digests(cache).of(photo) == SHA


def test_a_cache_that_cannot_be_written_is_ignored(tmp_path, settled):
    photo = old(tmp_path / "a.jpg", b"abc")
    digests = Digests(photo / "cache.json")
    assert digests.of(photo) == SHA
    digests.save()


def test_files_that_were_not_hashed_are_dropped(tmp_path, settled):
    cache = tmp_path / "scan.json"
    for name in ("a.jpg", "b.jpg"):
        digests = Digests(cache)
        digests.of(old(tmp_path / name, b"abc"))
        digests.save()
    assert list(Digests(cache).known) == [str(tmp_path / "b.jpg")]
