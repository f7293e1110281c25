import importlib
import pickle
import sys
from collections.abc import Iterator

import pytest
from s3_server import REQUESTS, put, serve
from toy.double.stage import DoubleStage
from toy.factory import ToyFactory, line
from toy.source.stage import SourceStage

from stages.engine.files import sha256
from stages.engine.stage import Reject
from stages.engine.storage import s3
from stages.engine.storage.bucket import BucketStore
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import FactoryError

pytestmark = pytest.mark.slow
KEY, OTHER = "ab" * 32, "cd" * 32
RESULT = Result(
    {"key": "k", "n": [1, None]}, {"photo.png": bytes(300)}, [Reject("k", "v", "c", "m")]
)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with serve() as found:
        yield found


@pytest.fixture
def store(address, request) -> BucketStore:
    return BucketStore(f"s3://flaws/{request.node.name}/")


def test_a_result_is_the_same_blob_as_in_a_folder(store, tmp_path):
    assert (store.get(KEY), store.has(KEY), list(store.keys())) == (None, False, [])
    store.put(KEY, RESULT)
    assert (store.get(KEY), store.has(KEY), list(store.keys())) == (RESULT, True, [KEY])
    folder = Store(tmp_path)
    folder.put(KEY, RESULT)
    assert store._read(KEY) == folder.path(KEY).read_bytes()
    assert store.size([KEY, OTHER]) == folder.size([KEY])


def test_results_are_read_in_order_and_missing_ones_are_found(store):
    keys = [f"{number:064x}" for number in range(20)]
    for number, key in enumerate(keys[:-1]):
        store.put(key, Result({"n": number}, {}, []))
    found = list(store.read([*reversed(keys)]))
    assert found[0] is None
    assert [result.document["n"] for result in found[1:]] == [*reversed(range(19))]
    assert store.find_missing(keys) == {keys[-1]}


@pytest.mark.parametrize(
    ("stored", "asked", "at_most"),
    [
        (range(120), range(120), 8),  # 6 pages of 20; parallel readers may each read one more
        (range(120), range(60, 180), 8),
        (range(120), range(0, 120, 40), 3),  # few: by key
        (range(120), [*range(0, 120, 12), 130], 11),  # far apart: a page tells too little
        ((), range(120), 1),
    ],
)
def test_existence_is_asked_with_few_requests(store, monkeypatch, stored, asked, at_most):
    """The requests are counted at the server."""
    monkeypatch.setattr(s3, "_PAGE", 20)
    keys = sorted(sha256(bytes([number])) for number in range(180))
    for number in stored:
        put(f"{store._name(keys[number])}", bytes(number))
    put(f"{store._prefix}ab/notes.txt", b"not ours")
    wanted = [keys[number] for number in asked]
    missing = {keys[number] for number in set(asked) - set(stored)}
    REQUESTS.clear()
    assert store.find_missing(wanted) == missing
    assert len(REQUESTS) <= at_most
    assert store.size(wanted) == sum(set(asked) & set(stored))


def test_one_request_reads_a_result(store):
    store.put(KEY, RESULT)
    REQUESTS.clear()
    assert (store.get(KEY), store.has(OTHER)) == (RESULT, False)
    assert len(REQUESTS) == 2


def test_a_damaged_result_is_removed(store):
    store.put(KEY, RESULT)
    store._write(KEY, store._read(KEY)[:-1] + b"x")
    assert store.get(KEY) is None and not store.has(KEY)
    store.remove(KEY)  # another process may have removed it


def test_other_objects_of_the_bucket_are_not_listed(store):
    store.put(KEY, RESULT)
    root = store.root.as_posix()
    for name in (f"{KEY}", f"files/md5/ab/{'c' * 30}", f"cd/{KEY}", "ab/notes.txt"):
        store._s3.files.pipe_file(f"{root}/{name}", b"not ours")
    assert list(store.keys()) == [KEY]


def test_another_process_opens_its_own_client(store):
    store.put(KEY, RESULT)
    copy = pickle.loads(pickle.dumps(store))
    assert copy._s3.files is not store._s3.files
    assert copy.get(KEY) == RESULT


def test_a_bucket_that_cannot_be_used_is_one_line(address, monkeypatch):
    missing = BucketStore("s3://nothing-here/x")
    assert (missing.get(KEY), list(missing.keys())) == (None, [])
    assert missing.find_missing({KEY, OTHER}) == {KEY, OTHER}
    with pytest.raises(FactoryError, match=r"^cannot write to .*s3://nothing-here/x: no such"):
        missing.put(KEY, RESULT)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(FactoryError, match=r"^cannot read the store s3://flaws/x: \S.*$"):
        BucketStore("s3://flaws/x").get(KEY)


def test_an_environment_without_s3fs_is_one_error_that_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "s3fs", None)
    known = importlib.import_module("fsspec.registry")._registry
    monkeypatch.delitem(known, "s3", raising=False)
    with pytest.raises(FactoryError, match=r"^the store s3://flaws/x needs s3fs: pip install"):
        BucketStore("s3://flaws/x").get(KEY)


def test_a_build_in_a_bucket_gives_the_bytes_of_one_in_a_folder(address, tmp_path):
    factories = [ToyFactory(tmp_path / name) for name in ("folder", "bucket")]
    settings = factories[1].root / "factory.toml"
    settings.write_text('store = "s3://flaws/built"\n' + settings.read_text())
    for factory in factories:
        factory.sources(line("a"), line("b?"), line("unwanted", "reject"))
        factory.fill(SourceStage, DoubleStage)
    for stage in ("source", "double"):
        assert factories[0].files(stage) == factories[1].files(stage)
    assert factories[1].blobs() == []
    assert factories[1].compute(DoubleStage) == []
