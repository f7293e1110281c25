from __future__ import annotations

import json

import pytest
from canary import find_canary
from url_server import Answer, UrlServer
from waiting import wait_until

from stages.engine.codes import aside_codes
from stages.engine.storage.source_list import read_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.scan import scan
from stages.ingest.sources import ScanError, forget, make_units, withdraw
from stages.ingest.stage import IngestStage
from stages.ingest.urls.library import Library
from stages.ingest.urls.settings import load_url_settings


@pytest.fixture
def workspace(tmp_path, server, monkeypatch):
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(tmp_path))
    (tmp_path / "factory.toml").write_text(
        f'executor.kind = "inline"\n[urls]\nhosts = ["127.0.0.1:{server.port}"]\n'
        'private_networks = ["127.0.0.1/32"]\ndelay_seconds = 0.0\nattempts = 1\n'
    )
    return Workspace(tmp_path)


def write_csv(workspace, *rows):
    path = workspace.root / "list.csv"
    lines = ["url,licence,origin,sha256", *(",".join(row) for row in rows)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def entries(workspace):
    return read_list(workspace.sources)


def test_lists_are_off_by_default(workspace):
    (workspace.root / "factory.toml").unlink()
    with pytest.raises(ScanError, match=r"lists of URLs are off.*factory.toml"):
        scan([write_csv(workspace, ["http://a.org/1"])], workspace)
    assert not workspace.sources.exists()


def test_a_list_becomes_photos_and_rejects_with_reasons(workspace, server, make):
    """Failures never stop the rest, and reach the reports of the ingest stage."""
    server.files["/good.png"] = Answer(make(1))
    server.files["/bad.png"] = Answer(b"no picture")
    server.files["/secret.png"] = Answer(make(2), headers={"X-Robots-Tag": "noai"})
    server.files["/empty.png"] = Answer(b"")
    urls = [server.url(path) for path in
            ("/good.png", "/bad.png", "/secret.png", "/empty.png", "/gone.png")]  # fmt: skip
    urls += ["http://elsewhere.org/a.png", "ftp://a.org/x", "http://a b/"]
    path = write_csv(workspace, [urls[0], "CC0-1.0", "https://example.org/album"],
                     *([url] for url in urls[1:]), [urls[0]])  # fmt: skip
    seen = []
    report = scan([path], workspace, progress=lambda *at: seen.append(at))
    assert report.problems == {"opted_out": 1, "not_fetched": 2, "not_allowed": 3}
    assert report.unfetched == {path: []}  # nothing that a second scan would change
    assert sorted(seen)[-1] == (8, 8)
    listed = entries(workspace)
    assert len(listed) == 8  # the URL that occurs twice is listed once
    assert (listed[0].licence, listed[0].origin) == ("CC0-1.0", "https://example.org/album")
    assert (listed[1].licence, listed[1].origin) == ("unknown", urls[1])
    assert listed[0].batch == "list" and listed[0].path.endswith("-good.png")
    units, rejects = make_units(listed)
    assert [listed[unit.position].path.rpartition("-")[2] for unit in units] == [
        "good.png", "bad.png",
    ]  # fmt: skip
    assert {reject.code for reject in rejects} == {"opted_out", "not_fetched", "not_allowed"}
    assert {reject.code for reject in rejects} <= aside_codes(IngestStage.codes)
    messages = " ".join(reject.message for reject in rejects)
    assert "status 404" in messages and urls[4] in messages


def test_a_second_scan_fetches_nothing_again(workspace, server, make):
    server.files["/a.png"] = server.files["/b.png"] = Answer(make(1))
    path = write_csv(workspace, *([server.url(name)] for name in ("/a.png", "/b.png", "/gone.png")))
    scan([path], workspace)
    before, asked = entries(workspace), len(server.requests)
    report = scan([path], workspace)
    assert (report.added, report.unchanged, report.changed) == (0, 3, False)
    assert entries(workspace) == before and len(server.requests) == asked
    objects = [p for p in (workspace.root / "data/.urls/objects").rglob("*") if p.is_file()]
    assert [p.name for p in objects] == [before[0].sha256]  # one copy of the same content


def test_what_failed_for_a_while_is_fetched_by_the_next_scan(workspace, server, make):
    server.files["/a.png"] = [Answer(status=503), Answer(make(1))]
    path = write_csv(workspace, [server.url("/a.png"), "CC0-1.0"])
    report = scan([path], workspace)
    assert entries(workspace)[0].problem.code == "not_fetched"
    assert report.unfetched == {path: [server.url("/a.png")]}
    report = scan([path], workspace)
    assert (report.replaced, report.added) == (1, 1) and report.unfetched == {path: []}
    units, rejects = make_units(entries(workspace))
    assert len(units) == 1 and [reject.code for reject in rejects] == ["replaced"]


def test_lost_or_damaged_downloads_are_fetched_again(workspace, server, make):
    server.files["/a.png"] = Answer(make(1))
    path = write_csv(workspace, [server.url("/a.png")])
    scan([path], workspace)
    (entry,) = entries(workspace)
    kept = Library.of(workspace).object(entry.sha256)
    kept.unlink()
    scan([path], workspace)
    assert kept.read_bytes() == make(1) and server.count("/a.png") == 2
    (record,) = (workspace.root / "data/.urls/records").rglob("*.json")
    record.write_text("[" * 100_000)
    scan([path], workspace)
    assert server.count("/a.png") == 3 and json.loads(record.read_bytes())["sha256"] == entry.sha256


def test_a_digest_in_the_list_pins_the_content(workspace, server, make):
    server.files["/a.png"] = Answer(make(1))
    path = write_csv(workspace, [server.url("/a.png"), "", "", "0" * 64])
    scan([path], workspace)
    assert "not the one in the list" in entries(workspace)[0].problem.message


def test_a_host_that_is_no_longer_allowed_leaves_the_set(workspace, server, make):
    server.files["/a.png"] = Answer(make(1))
    path = write_csv(workspace, [server.url("/a.png")])
    scan([path], workspace)
    (workspace.root / "factory.toml").write_text('[urls]\nhosts = ["example.org"]\n')
    scan([path], workspace)
    units, _ = make_units(entries(workspace))
    assert units == [] and entries(workspace)[1].problem.code == "not_allowed"


def test_the_bytes_of_a_scan_are_limited(workspace, server, make):
    for name in "abc":
        server.files[f"/{name}"] = Answer(make(ord(name)))
    limit = len(make(ord("a"))) + 10
    with (workspace.root / "factory.toml").open("a") as file:
        file.write(f"max_total_bytes = {limit}\n")
    scan([write_csv(workspace, *([server.url(f"/{name}")] for name in "abc"))], workspace)
    found = [entry.problem and entry.problem.code for entry in entries(workspace)]
    assert found == [None, "not_allowed", "not_allowed"]
    assert not list((workspace.root / "data/.urls").rglob(".partial-*"))


def test_a_purged_photo_is_not_kept(workspace, server, make):
    server.files["/a.png"] = Answer(make(1))
    path = write_csv(workspace, [server.url("/a.png")])
    scan([path], workspace)
    (entry,) = entries(workspace)
    withdraw(workspace, entry.key, "her wish")
    found = list(Library.of(workspace).made_of([entry.key]))
    assert len(found) == 3  # bytes, link, record
    for file in found:
        file.unlink()
    forget(workspace.sources, {entry.sha256})
    assert scan([path], workspace).purged == 1
    assert not list(Library.of(workspace).made_of([entry.key]))


def test_names_in_urls_stay_inside_the_folder(workspace, server, make):
    paths = [
        "/..%2f..%2fescaped.png",
        "/a/../../b.png",
        "/\\..\\c.png",
        "/" + "d" * 300,
        "/",
        "/.e",
    ]
    for path in paths:
        server.files[path] = Answer(make(1))
    scan([write_csv(workspace, *([server.url(path)] for path in paths))], workspace)
    folder = (workspace.root / "data" / ".urls" / "photos").resolve()
    for entry in entries(workspace):
        assert (workspace.root / entry.path).parent.parent.resolve() == folder


def test_a_host_that_only_fails_is_given_up(workspace, server):
    urls = [server.url(f"/{n}") for n in range(8)]
    for n in range(8):
        server.files[f"/{n}"] = Answer(status=503)
    scan([write_csv(workspace, *([url] for url in urls))], workspace)
    messages = [entry.problem.message for entry in entries(workspace)]
    assert [("status 503" in m, "scan again later" in m) for m in messages] == [
        *[(True, False)] * 5, *[(False, True)] * 3,
    ]  # fmt: skip
    assert len(server.requests) == 6  # robots.txt and five files


def test_an_interrupted_scan_ends_at_once(workspace, server, make):
    """A server that sends headers without end, with an hour to do so, holds nobody up."""
    server.files["/a"] = Answer(drip_header=0.05)
    settings = workspace.root / "factory.toml"
    with UrlServer() as other:
        other.files["/b"] = Answer(make(1))
        hosts = f'hosts = ["127.0.0.1:{other.port}", '
        text = settings.read_text().replace("hosts = [", hosts)
        settings.write_text(f"{text}timeout_seconds = 3600.0\n")

        def interrupt(done, count):
            wait_until(lambda: server.count("/a"))
            raise KeyboardInterrupt

        path = write_csv(workspace, [server.url("/a")], [other.url("/b")])
        with pytest.raises(KeyboardInterrupt):
            scan([path], workspace, progress=interrupt)
    assert not workspace.sources.exists()


def test_a_fault_of_the_disk_stops_the_scan(workspace, server, make):
    server.files["/a"] = Answer(make(1))
    (workspace.root / "data" / ".urls").mkdir(parents=True)
    (workspace.root / "data" / ".urls" / "objects").write_text("in the way")
    with pytest.raises(FactoryError, match=r"data/.urls/objects/.*: File exists"):
        scan([write_csv(workspace, [server.url("/a")])], workspace)


def test_secrets_in_urls_are_written_nowhere(workspace, server, make):
    server.files["/a.png?id=1&token=canary-1"] = Answer(make(1))
    urls = [server.url("/a.png?id=1&token=canary-1"), "http://me:canary-2@a.org/b.png"]
    scan([write_csv(workspace, *([url] for url in urls))], workspace)
    assert entries(workspace)[0].origin == server.url("/a.png?id=1&token=…")
    assert entries(workspace)[1].problem.code == "not_allowed"
    asked = len(server.requests)
    assert not scan([workspace.root / "list.csv"], workspace).changed
    assert len(server.requests) == asked
    (workspace.root / "list.csv").unlink()
    assert find_canary(workspace.root, "canary-") == []


@pytest.mark.parametrize(
    ("line", "words"),
    [('hosts = ["HTTP://a.org"]', "urls.hosts"), ("hosts = [1]", "urls.hosts"),
     ('private_networks = ["10.0.0.1/8"]', "private_networks"), ("max_bytes = 0", "max_bytes"),
     ("max_byte = 1", "did you mean `max_bytes`"), ('contact = "a\\nb"', "contact")],
)  # fmt: skip
def test_wrong_settings_are_named(workspace, line, words):
    (workspace.root / "factory.toml").write_text(f"[urls]\n{line}\n")
    with pytest.raises(FactoryError, match=words):
        load_url_settings(workspace)
