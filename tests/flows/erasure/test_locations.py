"""Copies of a photo that the source list no longer has: only its key is known."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

from flows.cache import ObjectCache
from flows.erasure.locations import find_locations
from flows.erasure.photo import Photo
from stages.engine.files import sha256
from stages.engine.storage.source_list import KEY_LENGTH
from stages.engine.workspace import Workspace
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.buckets.records import Record, Records
from stages.ingest.urls.library import Library


def test_copies_of_a_photo_that_is_no_longer_listed_are_found(tmp_path: Path) -> None:
    workspace, mirror = Workspace(tmp_path), Mirror.of(Workspace(tmp_path))
    contents = {name: name.encode() for name in ("gone", "kept")}
    found = set[Path]()
    for name, data in contents.items():
        paths = [
            mirror.path("photos", f"{name}.jpg"),
            Library.of(workspace).object(sha256(data)),
            workspace.data / ".fetched" / f"{name}.jpg",
        ]
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        found |= set(paths) if name == "gone" else set()
        with closing(Records(mirror.database)) as records:
            records.note("photos", f"{name}.jpg", Record(len(data), "e", sha256(data)))
    photo = Photo(sha256(contents["gone"])[:KEY_LENGTH], None, (), ())
    cache = cast(ObjectCache, SimpleNamespace(root=tmp_path / "files" / "md5"))
    locations = find_locations(workspace, cache, [photo])
    assert {path for location in locations for path in location.paths} == found
