import hashlib
import os
from pathlib import Path

import pytest

from stages.engine.storage import digests as engine
from stages.models.weights import digests
from stages.models.weights.digests import digest_of


@pytest.fixture
def read(monkeypatch, tmp_path):
    """Names of the files that were read. A file counts as settled at once, and as large from
    1,000 bytes on."""
    monkeypatch.setattr(digests, "CACHE", tmp_path / "cache" / "weights.json")
    monkeypatch.setattr(digests, "LARGE", 1000)
    monkeypatch.setattr(engine, "_SETTLED_NS", -(10**12))
    real, names = hashlib.file_digest, []

    def noted(file, algorithm):
        names.append(Path(file.name).name)
        return real(file, algorithm)

    monkeypatch.setattr(hashlib, "file_digest", noted)
    return names


def made(path, fill=b"x", size=1000):
    path.write_bytes(fill * size)
    return path, hashlib.sha256(fill * size).hexdigest()


def test_large_files_are_read_once(tmp_path, read):
    both = [made(tmp_path / "a", b"a"), made(tmp_path / "b", b"b")]
    for _ in range(2):
        assert [digest_of(path) for path, _ in both] == [digest for _, digest in both]
    assert read == ["a", "b"]


def test_small_files_are_read_each_time(tmp_path, read):
    path, digest = made(tmp_path / "a", size=999)
    assert digest_of(path) == digest_of(path) == digest
    assert read == ["a", "a"] and not digests.CACHE.exists()


@pytest.mark.parametrize("nanoseconds", [1, -1])
def test_another_time_alone_means_reading_again(tmp_path, read, nanoseconds):
    path, first = made(tmp_path / "a", b"a")
    assert digest_of(path) == first
    status = path.stat()
    path, second = made(path, b"b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + nanoseconds))
    assert digest_of(path) == second != first


def test_bytes_written_under_an_old_time_are_noticed(tmp_path, read):
    path, first = made(tmp_path / "a", b"a")
    assert digest_of(path) == first
    status = path.stat()
    path, second = made(path, b"b")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert digest_of(path) == second


def test_files_that_are_gone_are_forgotten(tmp_path, read):
    for name in "abc":
        digest_of(made(tmp_path / name)[0])
        (tmp_path / "a").unlink(missing_ok=True)
    known = engine.Digests(digests.CACHE).known
    assert sorted(Path(path).name for path in known) == ["b", "c"]
