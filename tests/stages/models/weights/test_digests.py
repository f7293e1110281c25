import hashlib
import os
from pathlib import Path

import pytest

from stages.engine.storage import digests as engine
from stages.models.weights import digests
from stages.models.weights.digests import digest_of


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Names of the files that were read.

    Files count as settled at once, and as large from 1,000 bytes on.
    """
    monkeypatch.setattr(digests, "CACHE", tmp_path / "cache" / "weights.json")
    monkeypatch.setattr(digests, "LARGE", 1000)
    monkeypatch.setattr(engine, "_SETTLED_NS", -(10**12))
    real, names = hashlib.file_digest, []

    def record_name(file, algorithm):
        names.append(Path(file.name).name)
        return real(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", record_name)
    return names


def make_file(path, fill=b"x", size=1000):
    path.write_bytes(fill * size)
    return path, hashlib.sha256(fill * size).hexdigest()


def test_large_files_are_read_once(tmp_path, read):
    both = [make_file(tmp_path / "a", b"a"), make_file(tmp_path / "b", b"b")]
    for _ in range(2):
        assert [digest_of(path) for path, _ in both] == [digest for _, digest in both]
    assert read == ["a", "b"]


def test_small_files_are_read_each_time(tmp_path, read):
    path, digest = make_file(tmp_path / "a", size=999)
    assert digest_of(path) == digest_of(path) == digest
    assert read == ["a", "a"] and not digests.CACHE.exists()


@pytest.mark.parametrize("nanoseconds", [1, -1])
def test_a_changed_time_alone_means_reading_again(tmp_path, read, nanoseconds):
    path, first = make_file(tmp_path / "a", b"a")
    assert digest_of(path) == first
    status = path.stat()
    path, second = make_file(path, b"b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + nanoseconds))
    assert digest_of(path) == second != first


def test_bytes_written_with_an_unchanged_time_are_detected(tmp_path, read):
    path, first = make_file(tmp_path / "a", b"a")
    assert digest_of(path) == first
    status = path.stat()
    path, second = make_file(path, b"b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest_of(path) == second


def test_removed_files_are_dropped_from_the_cache(tmp_path, read):
    for name in "abc":
        digest_of(make_file(tmp_path / name)[0])
        (tmp_path / "a").unlink(missing_ok=True)
    known = engine.Digests(digests.CACHE).known
    assert sorted(Path(path).name for path in known) == ["b", "c"]
