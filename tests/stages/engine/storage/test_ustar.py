import io
import tarfile

import pytest
from hostile_shards import BLOCK, entry
from hypothesis import given
from hypothesis import strategies as st

from stages.engine.storage.ustar import walk

FILES = {"a.json": b"{}", "a.png": bytes(1000), "b.json": b"x" * 512, "b.png": b""}
SOUND = b"".join(entry(name, data) for name, data in FILES.items())


class Stream:
    """A file that can only be read forwards, and sends less than asked for."""

    def __init__(self, data: bytes) -> None:
        self._file = io.BytesIO(data)

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 300))

    def seek(self, offset: int, whence: int) -> int:
        raise ValueError("Cannot seek")


@pytest.mark.parametrize("kind", [io.BytesIO, Stream])
def test_files_are_read_with_their_places(kind) -> None:
    data = SOUND + bytes(2 * BLOCK)
    found = list(walk(kind(data)))
    assert {entry.name: entry.data for entry in found} == FILES
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        assert [e.start for e in found] == [info.offset for info in tar]
    assert [e.stop for e in found] == [*(e.start for e in found[1:]), len(SOUND)]


@pytest.mark.parametrize("kind", [io.BytesIO, Stream])
def test_only_what_is_wanted_is_read(kind) -> None:
    found = list(walk(kind(SOUND + bytes(BLOCK)), wanted=lambda name: name == "a.png"))
    assert [(e.name, len(e.data)) for e in found] == [
        ("a.json", 0), ("a.png", 1000), ("b.json", 0), ("b.png", 0),
    ]  # fmt: skip


def test_what_is_not_wanted_is_skipped_without_reading() -> None:
    read = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size)
            return super().read(size)

    large = entry("a.png", bytes(2**20))
    list(walk(Counting(large * 5 + bytes(BLOCK)), wanted=lambda name: False))
    assert sum(read) < 10 * BLOCK


def test_a_part_may_end_after_any_entry_and_a_whole_file_may_not() -> None:
    first = next(walk(io.BytesIO(SOUND), part_from=0))
    rest = io.BytesIO(SOUND[first.stop :])
    assert next(walk(rest, part_from=first.stop)).start == first.stop
    with pytest.raises(ValueError, match="ends early"):
        list(walk(io.BytesIO(SOUND)))


@given(st.integers(0, len(SOUND) - 1))
def test_a_file_cut_short_is_an_error(length: int) -> None:
    for kind in (io.BytesIO, Stream):
        with pytest.raises(ValueError, match="ends early"):
            list(walk(kind(SOUND[:length])))


@given(st.binary(max_size=3 * BLOCK))
def test_other_bytes_are_an_error_or_no_entries(data: bytes) -> None:
    try:
        found = list(walk(io.BytesIO(data)))
    except ValueError:
        return
    assert found == [] and not any(data[:BLOCK])
