"""A purge of a store in a bucket, and of copies of another bucket's photos."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from s3_server import serve

from flows.cache import ObjectCache
from flows.erasure.locations import find_locations
from flows.erasure.photo import Photo
from flows.erasure.purge import PurgePlan, purge
from stages.engine.files import sha256
from stages.engine.stage import Reject
from stages.engine.storage.bucket import BucketStore
from stages.engine.storage.store import Result
from stages.engine.workspace import Workspace
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.buckets.records import Record, Records

KEY, OTHER = "00112233445566aa", "ffeeddccbbaa9988"
PHOTO = Photo(KEY, KEY * 4, ("photos/a.jpg",), ())
RESULTS = {
    "mine": Result({"key": KEY}, {"photo.png": b"1"}, []),
    "refused": Result(None, {}, [Reject(KEY, None, "too_small", "it is small")]),
    "others": Result({"key": OTHER}, {"photo.png": b"1"}, []),
}


@pytest.mark.slow
def test_results_and_copies_of_the_photo_are_removed(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / "factory.toml").write_text('store = "s3://flaws/purge"\n')
    for half in ("photos", "words"):
        (workspace.sources / half).mkdir(parents=True)
    keys = {name: sha256(name.encode()) for name in RESULTS}
    cache = cast(ObjectCache, SimpleNamespace(root=tmp_path / "files" / "md5"))
    mirror = Mirror.of(workspace)
    copies = [mirror.path("photos", key) for key in ("a.jpg", "a.json", "b.jpg")]
    with closing(Records(mirror.database)) as records:
        records.note("photos", "a.jpg", Record(1, "etag", KEY * 4))
    for copy in copies:
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(b"x")
    with serve():
        store = BucketStore("s3://flaws/purge")
        for name, result in RESULTS.items():
            store.put(keys[name], result)
        locations = find_locations(workspace, cache, [PHOTO])
        assert {location.name: location.count for location in locations if location.count} == {
            "the store s3://flaws/purge": 2,
            "copies of buckets": 2,
        }
        purge(workspace, PurgePlan([PHOTO], locations, {}, {}, []))
        assert list(store.keys()) == [keys["others"]]
        assert [copy.exists() for copy in copies] == [False, False, True]
