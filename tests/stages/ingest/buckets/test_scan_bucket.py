from __future__ import annotations

import importlib
import os
import shutil
import sqlite3
import sys
from dataclasses import replace

import pytest
from canary import find_canary
from s3_server import FAULTS, SECRET

from stages.engine.codes import aside_codes
from stages.engine.files import sha256
from stages.engine.storage.source_list import read_list
from stages.engine.workspace import FactoryError
from stages.ingest.buckets.address import BucketPrefix, parse_source
from stages.ingest.buckets.listing import check_bucket, snapshot_objects
from stages.ingest.buckets.mirror import Mirror
from stages.ingest.scan import scan
from stages.ingest.sources import ScanError, forget, make_units, withdraw
from stages.ingest.stage import IngestStage

pytestmark = pytest.mark.slow
LEDGER = b'[default]\nlicence = "CC-BY-4.0"\ncreator = "Ada"\n'


def entries(workspace):
    return read_list(workspace.sources)


def copies(workspace):
    """Return the paths of all copies, below the prefix."""
    folder = workspace.data / ".buckets" / "flaws"
    files = (path.relative_to(folder).parts[1:] for path in folder.rglob("*") if path.is_file())
    return sorted("/".join(parts) for parts in files)


def configure(workspace, line):
    (workspace.root / "factory.toml").write_text(f"[buckets]\n{line}\n")


def test_a_bucket_gives_the_list_of_a_folder_with_the_same_files(place, workspace, make, tmp_path):
    files = {
        "z.png": make(1), "a.jpg": make(2, "JPEG"), "sub/b c.webp": make(3, "WEBP"),
        "sub/deep/ü.png": make(4), "sub/a.png": make(5), "LICENCES.toml": LEDGER,
        "a.jpg.flawfactory.json": b'{"licence": "CC0-1.0", "origin": "https://example.org/a"}',
        "z.json": b'{"licence": "MIT", "origin": "me"}', "sub/a.json": b'{"boxes": []}',
        "notes.txt": b"x", ".hidden/c.png": make(6), "sub/b c.webp.flawfactory.json": b"{",
    }  # fmt: skip
    folder = workspace.root / "photos"
    for key, data in files.items():
        (folder / key).parent.mkdir(parents=True, exist_ok=True)
        (folder / key).write_bytes(data)
        place.put(key, data)
    place.put("sub/", b"")  # what consoles make for an empty folder
    seen = []
    report = scan([place.address], workspace, progress=lambda *at: seen.append(at))
    assert seen[-1] == (5, 5)
    listed = entries(workspace)
    other = scan([folder], workspace, batch=place.address.name, replace=True)
    start = f"data/.buckets/flaws/{place.address.prefix}/"
    assert [replace(e, path=e.path.removeprefix(start)) for e in listed] == [
        replace(e, path=e.path.removeprefix("photos/")) for e in entries(workspace)
    ]
    assert (report.foreign, len(report.skipped)) == (other.foreign, len(other.skipped)) == (1, 1)
    for entry in listed:
        data = (workspace.root / entry.path).read_bytes()
        assert (sha256(data), len(data)) == (entry.sha256, entry.bytes)
    assert not find_canary(workspace.root, SECRET)


def test_only_what_is_new_or_changed_is_fetched(place, workspace, make):
    for name in ("a.png", "b.png"):
        place.put(name, make(1))
    scan([place.address], workspace)
    assert place.fetched() == ["a.png", "b.png"]
    report = scan([place.address], workspace)
    assert place.fetched() == [] and not report.changed and report.unchanged == 2
    place.put("b.png", make(2))
    place.put("c.png", make(3))
    place.remove("a.png")  # its copy and entry stay: a photo is withdrawn by its owner
    report = scan([place.address], workspace)
    assert place.fetched() == ["b.png", "c.png"]
    assert (report.added, report.replaced) == (2, 1)
    units, _ = make_units(entries(workspace))
    assert [unit.place["path"].rpartition("/")[2] for unit in units] == ["a.png", "b.png", "c.png"]
    assert copies(workspace) == ["a.png", "b.png", "c.png"]
    scan([place.address], workspace, replace=True)
    assert len(entries(workspace)) == 2


def test_what_the_bucket_no_longer_says_about_a_photo_does_not_hold(place, workspace, make):
    place.put("a.png", make(1))
    place.put("LICENCES.toml", LEDGER)
    place.put("a.png.json", b'{"licence": "CC0-1.0"}')
    for key, licence in (("a.png.json", "CC0-1.0"), ("LICENCES.toml", "CC-BY-4.0")):
        scan([place.address], workspace)
        assert entries(workspace)[0].licence == licence
        place.remove(key)
    scan([place.address], workspace)
    assert entries(workspace)[0].licence == "unknown" and copies(workspace) == ["a.png"]


def test_messages_name_documents_by_their_place_in_the_bucket(place, workspace, make):
    place.put("a.png", make(1))
    place.put("a.png.flawfactory.json", b"{")
    report = scan([place.address], workspace)
    assert report.skipped[0].startswith(f"{place.address}/a.png.flawfactory.json")
    place.put("LICENCES.toml", b"licence = 'MIT'")
    with pytest.raises(ScanError, match=f"^{place.address}/LICENCES.toml: unknown table"):
        scan([place.address], workspace)


def test_prefixes_that_overlap_share_their_copies(place, workspace, make):
    place.put("sub/a.png", make(1))
    place.put("b.png", make(2))
    sub = BucketPrefix(place.address.bucket, f"{place.address.prefix}/sub")
    scan([sub, place.address, sub], workspace)
    assert place.fetched() == ["b.png", "sub/a.png"]
    assert len(entries(workspace)) == 2


def test_unusable_objects_are_recorded_and_never_stop_the_rest(place, workspace, make):
    configure(workspace, "max_bytes = 100_000")
    hostile = ["../up.png", "a//b.png", "n\n.png", "good.png/below.png", "x" * 260 + ".png"]
    for key in ("good.png", "later.gif", "private.png", *hostile):
        place.put(key, make(1))
    place.put("empty.png", b"")
    place.put("large.png", bytes(100_001))
    place.fail("private.png", "403")
    report = scan([place.address], workspace)
    assert report.problems == {
        "not_allowed": 5, "unsupported_format": 1, "not_fetched": 1, "empty": 1, "too_large": 1,
    }  # fmt: skip
    assert place.fetched() == ["good.png", "private.png"]
    assert copies(workspace) == ["good.png"]
    listed = entries(workspace)
    units, rejects = make_units(listed)
    assert len(units) == 1 and len(rejects) == 9
    codes = {reject.code for reject in rejects} - {"empty", "too_large"}
    assert codes <= aside_codes(IngestStage.codes)
    assert all(entry.name.isprintable() for entry in listed)
    messages = " ".join(reject.message for reject in rejects)
    assert "planted fault" in messages and "100,001 bytes" in messages
    scan([place.address], workspace)  # the fault has passed
    units, _ = make_units(entries(workspace))
    assert len(units) == 1 and "duplicate" in {r.code for r in make_units(entries(workspace))[1]}


def test_a_changed_photo_that_cannot_be_fetched_stays_as_it_was(place, workspace, make):
    place.put("a.png", make(1))
    scan([place.address], workspace)
    before = entries(workspace)
    place.put("a.png", make(2))
    place.fail("a.png", "403")
    report = scan([place.address], workspace)
    assert entries(workspace) == before and "a.png was not fetched" in report.kept[0]
    scan([place.address], workspace)
    assert entries(workspace)[1].sha256 == sha256(make(2))


@pytest.mark.parametrize("replace", [False, True])
def test_a_listed_photo_whose_copy_is_lost_stays_when_it_cannot_be_fetched(
    place, workspace, make, replace
):
    for name in ("a.png", "b.png"):
        place.put(name, make(ord(name[0])))
    scan([place.address], workspace)
    before = entries(workspace)
    shutil.rmtree(Mirror.of(workspace).folder)  # as on another machine
    place.fail("a.png", "403")
    report = scan([place.address], workspace, replace=replace)
    assert entries(workspace) == before and report.problems == {}
    assert "a.png was not fetched" in report.kept[0]
    assert report.unfetched == {place.address: [f"{place.address.start}a.png"]}
    assert scan([place.address], workspace).unfetched == {place.address: []}


def test_an_answer_that_breaks_off_is_requested_again(place, workspace, make):
    place.put("a.png", make(1))
    place.fail("a.png", "short")
    scan([place.address], workspace)
    assert place.fetched() == ["a.png", "a.png"]
    assert entries(workspace)[0].sha256 == sha256(make(1))


def test_a_purged_photo_is_neither_kept_nor_fetched_again(place, workspace, make):
    for name in ("a.png", "copy.png"):
        place.put(name, make(1))
    place.put("b.png", make(2))
    place.put("a.png.json", b'{"creator": "somebody", "licence": "CC0-1.0"}')
    scan([place.address], workspace)
    digest = sha256(make(1))
    withdraw(workspace, digest, "asked for")
    found = Mirror.of(workspace).made_of({digest[:16]})
    assert [path.name for path in found] == ["a.png", "a.png.json", "copy.png"]
    for path in found:
        path.unlink()
    forget(workspace.sources, {digest})
    place.fetched()
    report = scan([place.address], workspace)
    assert (report.purged, place.fetched(), copies(workspace)) == (2, [], ["b.png"])
    place.put("again.png", make(1))  # recognised by its content
    report = scan([place.address], workspace)
    assert (report.purged, place.fetched(), copies(workspace)) == (3, ["again.png"], ["b.png"])
    assert scan([place.address], workspace).purged == 3 and place.fetched() == []
    for name in (b"a.png", b"copy.png", b"again.png"):
        assert name not in Mirror.of(workspace).database.read_bytes()


def test_lost_or_damaged_copies_and_records_are_fetched_again(place, workspace, make):
    for name in ("a.png", "b.png"):
        place.put(name, make(1))
    scan([place.address], workspace)
    before, mirror = entries(workspace), Mirror.of(workspace)
    first, second = (workspace.root / entry.path for entry in before)
    first.unlink()
    second.write_bytes(bytes(len(make(1))))
    place.fetched()
    scan([place.address], workspace)
    assert place.fetched() == ["a.png", "b.png"] and entries(workspace) == before
    mirror.database.unlink()
    scan([place.address], workspace)
    assert place.fetched() == ["a.png", "b.png"]
    mirror.database.write_bytes(b"no database" * 100)
    with pytest.raises(FactoryError, match=r"objects.sqlite cannot be used .*remove it"):
        scan([place.address], workspace)


def test_a_name_that_was_a_folder_before_is_a_problem_of_that_object(place, workspace, make):
    place.put("a.png/b.png", make(1))
    place.put("c.png", make(2))
    scan([place.address], workspace)
    place.remove("a.png/b.png")
    place.put("a.png", make(3))
    report = scan([place.address], workspace)
    assert report.problems == {"not_fetched": 1} and report.unchanged == 1
    assert "a.png is in its way" in entries(workspace)[-1].problem.message


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("max_objects = 1", "has more than 1 photos and JSON files"),
        (
            "max_total_bytes = 1",
            "2 photos with .* bytes would be fetched; a scan fetches at most 1",
        ),
    ],
)
def test_what_is_too_much_is_refused_before_any_download(place, workspace, make, line, words):
    configure(workspace, line)
    for name in ("a.png", "b.png"):
        place.put(name, make(1))
    with pytest.raises(ScanError, match=words):
        scan([place.address], workspace)
    assert place.fetched() == [] and entries(workspace) == []


def test_a_disk_without_room_is_refused_with_numbers(place, workspace, make, monkeypatch):
    place.put("a.png", make(1))
    usage = type("Usage", (), {"free": 10})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(ScanError, match=r"1 photos with .* bytes .* 10 bytes free"):
        scan([place.address], workspace)


def test_a_bucket_that_sends_nothing_is_one_error(place, workspace, make):
    for number in range(7):
        place.put(f"{number}.png", make(1))
        place.fail(f"{number}.png", "403")
    with pytest.raises(
        ScanError, match=r"none of its photos could be fetched; .*/0.png .*GetObject"
    ):
        scan([place.address], workspace)
    assert entries(workspace) == []


def test_a_bucket_that_cannot_be_used_is_one_line(place, workspace, monkeypatch):
    with pytest.raises(ScanError, match="nothing is below it"):
        scan([place.address], workspace)
    with pytest.raises(FactoryError, match="there is no bucket nothing-here; check its name"):
        scan([parse_source("s3://nothing-here/x")], workspace)
    FAULTS["/flaws"] = ["403"]
    with pytest.raises(FactoryError, match=r"planted fault; .*credentials.* need s3:ListBucket"):
        scan([place.address], workspace)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(FactoryError, match=r"^cannot list s3://flaws/\S+: .*check the network.*$"):
        check_bucket(place.address)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(importlib.import_module("fsspec.registry")._registry, "s3", raising=False)
    with pytest.raises(FactoryError, match=r"needs s3fs: pip install 'flawfactory\[s3\]'$"):
        check_bucket(place.address)


def test_a_snapshot_sees_photos_and_ledgers_and_fetches_nothing(place, make):
    place.put("a.png", make(1))
    before = snapshot_objects(place.address)
    place.put("notes.txt", b"x")
    place.put("a.png.json", b"{}")
    place.put(".hidden.png", make(2))
    assert snapshot_objects(place.address) == before
    place.put("a.png", make(3))
    changed = snapshot_objects(place.address)
    place.put("b.png", make(1))
    more = snapshot_objects(place.address)
    place.put("sub/LICENCES.toml", LEDGER)
    assert len({before, changed, more, snapshot_objects(place.address)}) == 4
    assert place.fetched() == []


def test_a_scan_that_was_killed_leaves_nothing_that_stays(place, workspace, make):
    place.put("a.png", make(1))
    scan([place.address], workspace)
    partial = Mirror.of(workspace).partial
    assert list(partial.iterdir()) == []
    left = partial / f".object.{os.urandom(6).hex()}"
    left.touch()
    os.utime(left, (1, 1))
    scan([place.address], workspace)
    assert list(partial.iterdir()) == []


def test_records_do_not_wait_for_the_end_of_a_scan(place, workspace, make):
    """What a killed scan has fetched is not fetched again."""
    for name in ("a.png", "b.png"):
        place.put(name, make(1))

    def stop(done, count):
        with sqlite3.connect(Mirror.of(workspace).database) as db:
            assert db.execute("SELECT count(*) FROM objects").fetchone()[0] >= 1
        raise KeyboardInterrupt

    configure(workspace, "concurrency = 1")
    with pytest.raises(KeyboardInterrupt):
        scan([place.address], workspace, progress=stop)
    assert place.fetched()[:1] == ["a.png"]
    scan([place.address], workspace)
    assert "a.png" not in place.fetched() and len(entries(workspace)) == 2


def test_a_withdrawn_photo_stays_out_when_a_new_list_cannot_fetch_it(place, workspace, make):
    for name in ("a.png", "b.png"):
        place.put(name, make(ord(name[0])))
    scan([place.address], workspace)
    withdraw(workspace, sha256(make(ord("a"))), "asked for")
    (workspace.root / entries(workspace)[0].path).unlink()
    place.fail("a.png", "403")
    assert "was not fetched" in scan([place.address], workspace, replace=True).kept[0]
    scan([place.address], workspace)  # the fault has passed
    units, rejects = make_units(entries(workspace))
    assert [unit.place["path"].rpartition("/")[2] for unit in units] == ["b.png"]
    assert "withdrawn" in {reject.code for reject in rejects}


def test_names_that_no_sidecar_can_have_do_not_stop_the_scan(place, workspace, make):
    long = "x" * 251 + ".png"
    place.put(long, make(1))
    place.put("a.png", make(2))
    place.put("a.json/b.png", make(3))  # where a sidecar of the other would be
    place.put("was.png", make(4))
    scan([place.address], workspace)
    place.remove("was.png")
    place.put("was.png/c.png", make(5))  # below a copy that stays
    assert scan([place.address], workspace).problems == {"not_fetched": 1}
    assert len(make_units(entries(workspace))[0]) == 4
    assert [path.name for path in Mirror.of(workspace).made_of({sha256(make(1))[:16]})] == [long]


def test_a_sidecar_that_is_left_out_has_no_copy_that_still_applies(place, workspace, make):
    place.put("a.png", make(1))
    place.put("a.png.json", b'{"licence": "CC0-1.0"}')
    scan([place.address], workspace)
    Mirror.of(workspace).database.unlink()  # so that nobody knows of what time the copy is
    place.put("a.png.json", b'{"licence": "LicenseRef-all-rights-reserved"}')
    place.fail("a.png.json", "403")
    report = scan([place.address], workspace)
    (message,) = report.skipped
    assert report.unfetched == {place.address: [f"{place.address.start}a.png.json"]}
    assert "a.png.json was not fetched" in message and entries(workspace)[0].licence == "unknown"
