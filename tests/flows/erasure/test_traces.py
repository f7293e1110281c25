from __future__ import annotations

from pathlib import Path

import pytest

from flows.erasure.photo import Photo
from flows.erasure.traces import contains_photo
from stages.engine.stage import Reject
from stages.engine.storage.shard import write_shard
from stages.engine.storage.store import Result, Store
from stages.engine.storage.tables import REJECT_COLUMNS, reject_row, write_table
from stages.package.attribution import make_attribution

KEY, OTHER = "00112233445566aa", "ffeeddccbbaa9988"
PHOTO = Photo(KEY, KEY * 4, ("photos/a ä.jpg",), (Path("/home/x/photos/a ä.jpg"),))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("photos/a ä.jpg was withdrawn", True),
        ('{"path":"photos/a \\u00e4.jpg"}', True),
        ("/home/x/photos/a ä.jpg: damaged.", True),
        ("see photos/a ä.jpg.", True),
        ("more-photos/a ä.jpg", False),
        ("/home/y/photos/a ä.jpg", False),
        ("photos/a ä.jpg.json", False),
        (f"key {KEY}", False),  # the list keeps keys
        ("", False),
    ],
)
def test_only_whole_paths_are_found(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "file").write_text(text)
    assert contains_photo(tmp_path / "file", [PHOTO]) is found


@pytest.mark.parametrize(
    ("sample", "found"), [(KEY, True), (f"{KEY}-v0", True), (OTHER, False), (f"{OTHER}-v0", False)]
)
def test_a_shard_contains_the_photos_of_its_samples(
    tmp_path: Path, sample: str, found: bool
) -> None:
    write_shard(tmp_path / "x.tar", [("00-first", {"a.png": b"1"}), (sample, {"a.png": b"2"})])
    assert contains_photo(tmp_path / "x.tar", [PHOTO]) is found


@pytest.mark.parametrize(("key", "found"), [(KEY, True), (OTHER, False)])
def test_an_attribution_contains_the_photos_that_it_lists(
    tmp_path: Path, key: str, found: bool
) -> None:
    words = {"creator": "Ada", "origin": "here", "title": "", "file_name": "x.png"}
    text = make_attribution([{"key": key, "licence": "MIT", **words}])
    (tmp_path / "ATTRIBUTION.md").write_text(text)
    assert contains_photo(tmp_path / "ATTRIBUTION.md", [PHOTO]) is found


def test_a_stored_result_contains_its_photo(tmp_path: Path) -> None:
    store = Store(tmp_path)
    results = {
        "mine": Result({"key": KEY}, {"photo.png": b"1"}, []),
        "refused": Result(None, {}, [Reject(KEY, None, "too_small", "it is small")]),
        "others": Result({"key": OTHER}, {"photo.png": b"1"}, []),
    }
    for name, result in results.items():
        store.put(name, result)
    found = {name for name in results if contains_photo(store.path(name), [PHOTO])}
    assert found == {"mine", "refused"}


@pytest.mark.parametrize(
    ("reject", "found"),
    [
        (Reject(KEY, "v0", "not_a_flaw", "looks right", {"answers": ["a face"]}), True),
        (Reject(f"{KEY}#1", None, "damaged", "cut short"), True),
        (Reject(KEY, None, "withdrawn", "she asked"), False),
        (Reject(KEY, None, "withdrawn", "photos/a ä.jpg was withdrawn"), True),
        (Reject(OTHER, "v0", "not_a_flaw", "looks right"), False),
    ],
)
def test_a_table_contains_a_photo_unless_it_only_records_its_removal(
    tmp_path: Path, reject: Reject, found: bool
) -> None:
    write_table(tmp_path / "rejects.parquet", [reject_row(reject)], REJECT_COLUMNS)
    assert contains_photo(tmp_path / "rejects.parquet", [PHOTO]) is found


@pytest.mark.parametrize("position", [0, 1023, 1024, 2048])
def test_all_rows_of_a_long_table_are_searched(tmp_path: Path, position: int) -> None:
    rows = [reject_row(Reject(OTHER, None, "too_small", "it is small"))] * 2049
    rows[position] = reject_row(Reject(OTHER, None, "damaged", "photos/a ä.jpg"))
    write_table(tmp_path / "rejects.parquet", rows, REJECT_COLUMNS)
    assert contains_photo(tmp_path / "rejects.parquet", [PHOTO])
