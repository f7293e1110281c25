from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from stages.engine.storage.source_list import SourceListError, read_list
from stages.engine.workspace import Workspace
from stages.ingest.places import Places
from stages.ingest.scan import scan
from stages.ingest.sources import ScanError, forget, make_units, purged_digests, withdraw


@pytest.fixture
def project(tmp_path):
    (tmp_path / "photos" / "sub folder").mkdir(parents=True)
    return tmp_path


def write_files(project: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (project / "photos" / name).write_bytes(data)


def run(project, *folders, **options):
    roots = [project / name for name in folders or ("photos",)]
    return scan(roots, Workspace(project), **options)


def read_listing(project):
    return read_list(project / "data" / "sources")


def read_parts(project):
    """Return the bytes of every part of the list by name."""
    folder = project / "data" / "sources"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.jsonl"))}


def names_in_use(project):
    """Return the names of the photos in use."""
    entries = read_listing(project)
    return [entries[unit.position].name for unit in make_units(entries)[0]]


def test_nested_folders_spaces_and_accents_are_listed(project):
    write_files(project, {"ü b.jpg": b"1", "sub folder/日本.png": b"2", "note.txt": b"3"})
    report = run(project)
    assert [entry.path for entry in read_listing(project)] == [
        "photos/ü b.jpg",
        "photos/sub folder/日本.png",
    ]
    assert (report.added, report.ignored, report.changed) == (2, {".txt": 1}, True)
    assert read_listing(project)[0].batch == "photos"


def test_rescan_does_not_write_the_list(project):
    write_files(project, {"a.jpg": b"1"})
    run(project)
    path = project / "data" / "sources" / "words" / "00000.jsonl"
    before = (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
    report = run(project)
    assert (report.added, report.unchanged, report.changed) == (0, 1, False)
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == before


def test_scanning_in_steps_gives_the_bytes_of_scanning_at_once(project):
    (project / "more").mkdir()
    write_files(project, {"b.jpg": b"1", "sub folder/c.jpg": b"2"})
    (project / "more" / "a.jpg").write_bytes(b"3")
    run(project, "photos")
    run(project, "more")
    run(project, "photos", "more")
    grown = read_parts(project)
    shutil.rmtree(project / "data" / "sources")
    run(project, "photos", "more")
    assert read_parts(project) == grown


def test_list_is_the_same_in_a_clone_at_another_path(tmp_path):
    lists = []
    for clone in ("one", "two"):
        (tmp_path / clone / "photos").mkdir(parents=True)
        write_files(tmp_path / clone, {"a.jpg": b"1", "b.jpg": b"2"})
        run(tmp_path / clone)
        lists.append(read_parts(tmp_path / clone))
    assert lists[0] == lists[1]


@pytest.fixture
def pictures(tmp_path_factory):
    """Create a folder with two photos outside the project."""
    outside = tmp_path_factory.mktemp("outside") / "Pictures"
    (outside / "trip").mkdir(parents=True)
    (outside / "a.jpg").write_bytes(b"1")
    (outside / "trip" / "b.jpg").write_bytes(b"22")
    return outside


def test_folder_outside_the_project_is_listed_by_its_name(project, pictures):
    run(project, pictures)
    assert [(e.folder, e.path) for e in read_listing(project)] == [
        ("Pictures", "a.jpg"),
        ("Pictures", "trip/b.jpg"),
    ]
    assert not any(str(pictures).encode() in data for data in read_parts(project).values())


@pytest.mark.parametrize("known", [True, False])
def test_moved_folder_is_recognised(project, pictures, known):
    run(project, pictures)
    before = read_parts(project)
    moved = pictures.rename(pictures.with_name("Old pictures"))
    if not known:  # a clone on another machine
        Workspace(project).places.unlink()
    report = run(project, moved)
    assert (report.unchanged, report.added, report.changed) == (2, 0, False)
    assert read_parts(project) == before
    assert Places(Workspace(project)).of("Pictures") == moved


def test_other_folder_of_the_same_name_gets_a_new_name(project, pictures):
    run(project, pictures)
    other = project.parent / "elsewhere" / "Pictures"
    other.mkdir(parents=True)
    (other / "a.jpg").write_bytes(b"other")
    run(project, other)
    assert [e.name for e in read_listing(project)][2:] == ["Pictures-2/a.jpg"]
    assert run(project, other).unchanged == 1 and run(project, pictures).unchanged == 2


def test_folder_around_a_listed_one_lists_no_photo_twice(project, pictures):
    run(project, pictures)
    (pictures.parent / "c.jpg").write_bytes(b"3")
    report = run(project, pictures.parent)
    assert (report.unchanged, report.added) == (2, 1)
    assert run(project, pictures / "trip").unchanged == 1


def test_new_files_are_appended_and_missing_ones_stay(project):
    write_files(project, {"b.jpg": b"1", "c.jpg": b"2"})
    run(project)
    write_files(project, {"a.jpg": b"3"})
    (project / "photos" / "b.jpg").unlink()
    run(project)
    assert [entry.path for entry in read_listing(project)] == [
        "photos/b.jpg",
        "photos/c.jpg",
        "photos/a.jpg",
    ]
    assert all(entry.withdrawn is None for entry in read_listing(project))


def test_changed_file_gets_a_new_entry_and_the_old_one_is_marked(project):
    write_files(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    write_files(project, {"a.jpg": b"3"})
    report = run(project)
    assert (report.added, report.replaced, report.unchanged) == (1, 1, 1)
    assert [(entry.path, entry.withdrawn) for entry in read_listing(project)] == [
        ("photos/a.jpg", "replaced"),
        ("photos/b.jpg", None),
        ("photos/a.jpg", None),
    ]
    assert not run(project).changed


def test_withdrawal_survives_rescans_copies_and_a_new_list(project):
    write_files(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    withdraw(Workspace(project), "photos/a.jpg", "asked to")
    write_files(project, {"copy.jpg": b"1"})
    run(project)
    assert names_in_use(project) == ["photos/b.jpg"]
    run(project, replace=True)
    assert names_in_use(project) == ["photos/b.jpg"]
    write_files(project, {"a.jpg": b"4"})
    run(project)
    assert read_listing(project)[0].withdrawn == "asked to"
    assert names_in_use(project)[-1] == "photos/a.jpg"


def test_withdrawal_survives_a_new_list_without_the_photo(project):
    write_files(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    withdraw(Workspace(project), "photos/a.jpg", "asked to")
    (project / "photos" / "a.jpg").unlink()
    run(project, replace=True)
    assert names_in_use(project) == ["photos/b.jpg"]
    write_files(project, {"a.jpg": b"1"})
    report = run(project)
    assert names_in_use(project) == ["photos/b.jpg"] and report.unchanged == 2


def test_purged_photo_stays_known_without_its_name(project):
    write_files(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    sources = project / "data" / "sources"
    first = withdraw(Workspace(project), "photos/a.jpg", "asked to")[0]
    assert purged_digests(read_listing(project)) == set()
    forget(sources, {first.sha256})
    (project / "photos" / "a.jpg").rename(project / "photos" / "c.jpg")
    for replace in (False, True):
        report = run(project, replace=replace)
        assert report.purged == 1
        assert [entry.path for entry in read_listing(project)] == ["", "photos/b.jpg"]
        assert not any(b"a.jpg" in data for data in read_parts(project).values())
        rejects = make_units(read_listing(project))[1]
        assert names_in_use(project) == ["photos/b.jpg"]
        assert [(reject.key, reject.code) for reject in rejects] == [(first.key, "withdrawn")]
    assert purged_digests(read_listing(project)) == {first.sha256}


def test_a_photo_that_returns_after_its_successor_was_purged_is_used(project):
    for content in (b"1", b"2"):
        write_files(project, {"a.jpg": content, "b.jpg": b"3"})
        run(project)
    gone = withdraw(Workspace(project), read_listing(project)[-1].sha256, "asked to")[0]
    forget(project / "data" / "sources", {gone.sha256})
    write_files(project, {"a.jpg": b"1"})
    run(project)
    assert names_in_use(project) == ["photos/b.jpg", "photos/a.jpg"]
    assert not run(project).changed


def test_replace_starts_a_new_list(project):
    (project / "more").mkdir()
    write_files(project, {"a.jpg": b"1"})
    (project / "more" / "b.jpg").write_bytes(b"2")
    run(project)
    run(project, "more", replace=True)
    assert [entry.path for entry in read_listing(project)] == ["more/b.jpg"]


def test_changed_licence_is_updated_in_place(project):
    write_files(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    (project / "photos" / "a.json").write_text('{"licence": "CC0-1.0", "origin": "me"}')
    report = run(project)
    assert (report.relicensed, report.added) == (1, 0)
    first, second = read_listing(project)
    assert (first.licence, first.origin) == ("CC0-1.0", "me")
    assert (first.creator, first.title) == ("unknown", "")
    assert (second.licence, second.origin) == ("unknown", "unknown")


def test_a_new_creator_updates_the_entry_in_place(project):
    write_files(project, {"a.jpg": b"1"})
    run(project)
    words = '[default]\nlicence = "CC-BY-4.0"\ncreator = "Ada"\ntitle = "Dusk"\n'
    (project / "photos" / "LICENCES.toml").write_text(words)
    assert run(project).relicensed == 1
    (entry,) = read_listing(project)
    assert (entry.licence, entry.creator, entry.title) == ("CC-BY-4.0", "Ada", "Dusk")


def test_batch_can_be_named(project):
    write_files(project, {"a.jpg": b"1"})
    run(project, batch="May delivery")
    assert read_listing(project)[0].batch == "May delivery"


def test_every_unusable_file_is_an_entry_with_a_problem(project, monkeypatch):
    write_files(project, {"ok.jpg": b"1", "closed.jpg": b"2", "empty.png": b""})
    os.mkfifo(project / "photos" / "pipe.jpg")
    (project / "photos" / "gone.jpg").symlink_to("nowhere")
    real = os.open

    def closed(path, *rest):
        if str(path).endswith("closed.jpg"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", closed)
    report = run(project)
    found = {Path(e.path).name: e.problem and e.problem.code for e in read_listing(project)}
    assert found == {
        "ok.jpg": None,
        "closed.jpg": "unreadable",
        "empty.png": "empty",
        "pipe.jpg": "not_a_file",
        "gone.jpg": "missing",
    }
    assert report.problems == {"unreadable": 1, "empty": 1, "not_a_file": 1, "missing": 1}
    assert list(report.unfetched.values()) == [["photos/closed.jpg"]]
    assert not run(project).changed
    monkeypatch.undo()
    assert run(project).replaced == 1  # now readable: a new entry replaces the old one
    assert names_in_use(project) == ["photos/ok.jpg", "photos/closed.jpg"]


def test_names_that_are_not_utf8_are_problems_and_stay_distinct(project):
    write_files(project, {"a.jpg": b"1", r"\xff.jpg": b"2"})
    for name in (b"\xff.jpg", b"\\xff\xfe.jpg", b"\xff\xfe.jpg"):
        Path(os.fsdecode(os.fsencode(project / "photos") + b"/" + name)).write_bytes(b"3")
    folder = os.fsdecode(os.fsencode(project / "photos") + b"/\xfe")
    Path(folder).mkdir()
    (Path(folder) / "b.jpg").write_bytes(b"4")
    report = run(project)
    assert report.problems == {"name_not_utf8": 4}
    paths = [entry.path for entry in read_listing(project)]
    assert len(paths) == 6 and r"photos/\xfe/b.jpg" in paths
    assert len(make_units(read_listing(project))[0]) == 2
    assert "rename it" in make_units(read_listing(project))[1][0].message
    assert not run(project).changed


def test_unreadable_folder_is_an_entry_with_a_problem(project, monkeypatch):
    write_files(project, {"a.jpg": b"1", "sub folder/b.jpg": b"2"})
    real = os.scandir

    def closed(path):
        if str(path).endswith("sub folder"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    report = run(project)
    assert report.problems == {"unreadable_folder": 1}
    assert list(report.unfetched.values()) == [["photos/sub folder"]]
    assert read_listing(project)[1].path == "photos/sub folder"


def test_errors_are_one_line_with_a_remedy_and_write_nothing(project):
    write_files(project, {"a.md": b"1"})
    cases = {
        "nowhere": "No such file or directory; give a readable folder",
        "photos/a.md": "Not a directory; give a readable folder",
        "photos": "no photos .* only: 1 .md",
        "photos/sub folder": "no photos .* or below$",
    }
    for folder, words in cases.items():
        with pytest.raises(ScanError, match=words) as error:
            run(project, folder)
        assert "\n" not in str(error.value)
    write_files(project, {"a.jpg": b"1", "LICENCES.toml": b"[default"})
    with pytest.raises(ScanError, match=r"LICENCES\.toml is not TOML"):
        run(project)
    assert not (project / "data").exists()


def test_unusable_sidecars_are_reported_and_the_scan_continues(project):
    write_files(
        project, {"a.jpg": b"1", "b.jpg": b"2", "a.json": b'{"shapes": []}', "b.json": b'{"li'}
    )
    write_files(project, {"b.png": b"3"})  # b.json would be its sidecar too
    report = run(project)
    assert (report.added, report.foreign, len(report.skipped)) == (3, 1, 1)
    assert "b.json, line 1: not JSON; fix or remove it" in report.skipped[0]


def test_damaged_list_stops_the_scan_and_is_kept(project):
    write_files(project, {"a.jpg": b"1"})
    run(project)
    path = project / "data" / "sources" / "photos" / "00000.jsonl"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(SourceListError, match="line 1"):
        run(project)
    assert len(path.read_bytes()) == 50


def test_cache_gives_the_same_list(project):
    write_files(project, {"a.jpg": b"1", "b.jpg": b"2"})
    cache = project / "data" / ".cache" / "scan.json"
    for name in ("a.jpg", "b.jpg"):
        os.utime(project / "photos" / name, (1, 1))
    run(project)
    plain = read_parts(project)
    for _ in range(2):
        run(project, replace=True, cache_path=cache)
        assert read_parts(project) == plain
