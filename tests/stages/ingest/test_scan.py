from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from stages.engine.storage.source_list import SourceListError, read_list
from stages.engine.workspace import Workspace
from stages.ingest.places import Places
from stages.ingest.scan import scan
from stages.ingest.sources import ScanError, forget, forgotten, units, withdraw


@pytest.fixture
def project(tmp_path):
    (tmp_path / "photos" / "sub folder").mkdir(parents=True)
    return tmp_path


def put(project: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (project / "photos" / name).write_bytes(data)


def run(project, *folders, **options):
    roots = [project / name for name in folders or ("photos",)]
    return scan(roots, Workspace(project), **options)


def listing(project):
    return read_list(project / "data" / "sources")


def written(project):
    """Every part of the list, name to bytes."""
    folder = project / "data" / "sources"
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*.jsonl"))}


def used(project):
    """Names of the photos in use."""
    entries = listing(project)
    return [entries[unit.position].name for unit in units(entries)[0]]


def test_nested_spaces_and_accents(project):
    put(project, {"ü b.jpg": b"1", "sub folder/日本.png": b"2", "note.txt": b"3"})
    report = run(project)
    assert [entry.path for entry in listing(project)] == [
        "photos/ü b.jpg",
        "photos/sub folder/日本.png",
    ]
    assert (report.added, report.ignored, report.changed) == (2, {".txt": 1}, True)
    assert listing(project)[0].batch == "photos"


def test_rescan_changes_nothing_and_leaves_the_file_alone(project):
    put(project, {"a.jpg": b"1"})
    run(project)
    path = project / "data" / "sources" / "words" / "00000.jsonl"
    before = (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes())
    report = run(project)
    assert (report.added, report.unchanged, report.changed) == (0, 1, False)
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == before


def test_growing_gives_the_bytes_of_scanning_at_once(project):
    (project / "more").mkdir()
    put(project, {"b.jpg": b"1", "sub folder/c.jpg": b"2"})
    (project / "more" / "a.jpg").write_bytes(b"3")
    run(project, "photos")
    run(project, "more")
    run(project, "photos", "more")
    grown = written(project)
    shutil.rmtree(project / "data" / "sources")
    run(project, "photos", "more")
    assert written(project) == grown


def test_list_is_the_same_in_a_clone_elsewhere(tmp_path):
    lists = []
    for clone in ("one", "two"):
        (tmp_path / clone / "photos").mkdir(parents=True)
        put(tmp_path / clone, {"a.jpg": b"1", "b.jpg": b"2"})
        run(tmp_path / clone)
        lists.append(written(tmp_path / clone))
    assert lists[0] == lists[1]


@pytest.fixture
def pictures(tmp_path_factory):
    """A folder outside the project, with two photos."""
    outside = tmp_path_factory.mktemp("outside") / "Pictures"
    (outside / "trip").mkdir(parents=True)
    (outside / "a.jpg").write_bytes(b"1")
    (outside / "trip" / "b.jpg").write_bytes(b"22")
    return outside


def test_folder_outside_the_project_is_listed_by_its_name(project, pictures):
    run(project, pictures)
    assert [(e.folder, e.path) for e in listing(project)] == [
        ("Pictures", "a.jpg"),
        ("Pictures", "trip/b.jpg"),
    ]
    assert not any(str(pictures).encode() in data for data in written(project).values())


@pytest.mark.parametrize("known", [True, False])
def test_a_folder_that_moved_or_lies_elsewhere_on_this_machine_is_the_same(
    project, pictures, known
):
    run(project, pictures)
    before = written(project)
    moved = pictures.rename(pictures.with_name("Old pictures"))
    if not known:  # a clone on another machine
        Workspace(project).places.unlink()
    report = run(project, moved)
    assert (report.unchanged, report.added, report.changed) == (2, 0, False)
    assert written(project) == before
    assert Places(Workspace(project)).of("Pictures") == moved


def test_another_folder_of_the_same_name_gets_a_name_of_its_own(project, pictures):
    run(project, pictures)
    other = project.parent / "elsewhere" / "Pictures"
    other.mkdir(parents=True)
    (other / "a.jpg").write_bytes(b"other")
    run(project, other)
    assert [e.name for e in listing(project)][2:] == ["Pictures-2/a.jpg"]
    assert run(project, other).unchanged == 1 and run(project, pictures).unchanged == 2


def test_a_folder_around_one_that_is_listed_lists_no_photo_twice(project, pictures):
    run(project, pictures)
    (pictures.parent / "c.jpg").write_bytes(b"3")
    report = run(project, pictures.parent)
    assert (report.unchanged, report.added) == (2, 1)
    assert run(project, pictures / "trip").unchanged == 1


def test_new_files_are_appended_and_gone_ones_stay(project):
    put(project, {"b.jpg": b"1", "c.jpg": b"2"})
    run(project)
    put(project, {"a.jpg": b"3"})
    (project / "photos" / "b.jpg").unlink()
    run(project)
    assert [entry.path for entry in listing(project)] == [
        "photos/b.jpg",
        "photos/c.jpg",
        "photos/a.jpg",
    ]
    assert all(entry.withdrawn is None for entry in listing(project))


def test_other_bytes_are_a_new_entry_and_the_old_one_is_marked(project):
    put(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    put(project, {"a.jpg": b"3"})
    report = run(project)
    assert (report.added, report.replaced, report.unchanged) == (1, 1, 1)
    assert [(entry.path, entry.withdrawn) for entry in listing(project)] == [
        ("photos/a.jpg", "replaced"),
        ("photos/b.jpg", None),
        ("photos/a.jpg", None),
    ]
    assert not run(project).changed


def test_withdrawal_survives_rescans_copies_and_a_new_list(project):
    put(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    withdraw(Workspace(project), "photos/a.jpg", "asked to")
    put(project, {"copy.jpg": b"1"})
    run(project)
    assert used(project) == ["photos/b.jpg"]
    run(project, replace=True)
    assert used(project) == ["photos/b.jpg"]
    put(project, {"a.jpg": b"4"})
    run(project)
    assert listing(project)[0].withdrawn == "asked to"
    assert used(project)[-1] == "photos/a.jpg"


def test_a_purged_photo_stays_known_but_nameless(project):
    put(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    sources = project / "data" / "sources"
    first = withdraw(Workspace(project), "photos/a.jpg", "asked to")[0]
    assert forgotten(listing(project)) == set()
    forget(sources, {first.sha256})
    (project / "photos" / "a.jpg").rename(project / "photos" / "c.jpg")
    for replace in (False, True):
        report = run(project, replace=replace)
        assert report.purged == 1
        assert [entry.path for entry in listing(project)] == ["", "photos/b.jpg"]
        assert not any(b"a.jpg" in data for data in written(project).values())
        rejects = units(listing(project))[1]
        assert used(project) == ["photos/b.jpg"]
        assert [(reject.key, reject.code) for reject in rejects] == [(first.key, "withdrawn")]
    assert forgotten(listing(project)) == {first.sha256}


def test_replace_starts_afresh(project):
    (project / "more").mkdir()
    put(project, {"a.jpg": b"1"})
    (project / "more" / "b.jpg").write_bytes(b"2")
    run(project)
    run(project, "more", replace=True)
    assert [entry.path for entry in listing(project)] == ["more/b.jpg"]


def test_licence_learnt_later_is_written_in_place(project):
    put(project, {"a.jpg": b"1", "b.jpg": b"2"})
    run(project)
    (project / "photos" / "a.json").write_text('{"licence": "CC0-1.0", "origin": "me"}')
    report = run(project)
    assert (report.relicensed, report.added) == (1, 0)
    first, second = listing(project)
    assert (first.licence, first.origin) == ("CC0-1.0", "me")
    assert (second.licence, second.origin) == ("unknown", "unknown")


def test_batch_can_be_named(project):
    put(project, {"a.jpg": b"1"})
    run(project, batch="May delivery")
    assert listing(project)[0].batch == "May delivery"


def test_every_unusable_file_is_an_entry_with_a_problem(project, monkeypatch):
    put(project, {"ok.jpg": b"1", "closed.jpg": b"2", "empty.png": b""})
    os.mkfifo(project / "photos" / "pipe.jpg")
    (project / "photos" / "gone.jpg").symlink_to("nowhere")
    real = os.open

    def closed(path, *rest):
        if str(path).endswith("closed.jpg"):
            raise PermissionError(13, "Permission denied")
        return real(path, *rest)

    monkeypatch.setattr(os, "open", closed)
    report = run(project)
    found = {Path(e.path).name: e.problem and e.problem.code for e in listing(project)}
    assert found == {
        "ok.jpg": None,
        "closed.jpg": "unreadable",
        "empty.png": "empty",
        "pipe.jpg": "not_a_file",
        "gone.jpg": "missing",
    }
    assert report.problems == {"unreadable": 1, "empty": 1, "not_a_file": 1, "missing": 1}
    assert not run(project).changed
    monkeypatch.undo()
    assert run(project).replaced == 1  # readable now: a new entry takes over
    assert used(project) == ["photos/ok.jpg", "photos/closed.jpg"]


def test_names_that_are_not_utf8_end_as_problems_and_stay_apart(project):
    put(project, {"a.jpg": b"1", r"\xff.jpg": b"2"})
    for name in (b"\xff.jpg", b"\\xff\xfe.jpg", b"\xff\xfe.jpg"):
        Path(os.fsdecode(os.fsencode(project / "photos") + b"/" + name)).write_bytes(b"3")
    folder = os.fsdecode(os.fsencode(project / "photos") + b"/\xfe")
    Path(folder).mkdir()
    (Path(folder) / "b.jpg").write_bytes(b"4")
    report = run(project)
    assert report.problems == {"name_not_utf8": 4}
    paths = [entry.path for entry in listing(project)]
    assert len(paths) == 6 and r"photos/\xfe/b.jpg" in paths
    assert len(units(listing(project))[0]) == 2
    assert "rename it" in units(listing(project))[1][0].message
    assert not run(project).changed


def test_closed_folder_is_an_entry_with_a_problem(project, monkeypatch):
    put(project, {"a.jpg": b"1", "sub folder/b.jpg": b"2"})
    real = os.scandir

    def closed(path):
        if str(path).endswith("sub folder"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    assert run(project).problems == {"unreadable_folder": 1}
    assert listing(project)[1].path == "photos/sub folder"


def test_errors_are_one_line_with_a_remedy_and_write_nothing(project):
    put(project, {"a.txt": b"1"})
    cases = {
        "nowhere": "No such file or directory; give a readable folder",
        "photos/a.txt": "Not a directory; give a readable folder",
        "photos": "no photos .* only: 1 .txt",
        "photos/sub folder": "no photos .* only: nothing",
    }
    for folder, words in cases.items():
        with pytest.raises(ScanError, match=words) as error:
            run(project, folder)
        assert "\n" not in str(error.value)
    put(project, {"a.jpg": b"1", "LICENCES.toml": b"[default"})
    with pytest.raises(ScanError, match=r"LICENCES\.toml is not TOML"):
        run(project)
    assert not (project / "data").exists()


def test_sidecars_that_cannot_be_used_are_reported_and_the_scan_goes_on(project):
    put(project, {"a.jpg": b"1", "b.jpg": b"2", "a.json": b'{"shapes": []}', "b.json": b'{"li'})
    put(project, {"b.png": b"3"})  # its sidecar, too, would be b.json
    report = run(project)
    assert (report.added, report.foreign, len(report.skipped)) == (3, 1, 1)
    assert "b.json, line 1: is not JSON; mend or remove it" in report.skipped[0]


def test_damaged_list_stops_the_scan_and_is_kept(project):
    put(project, {"a.jpg": b"1"})
    run(project)
    path = project / "data" / "sources" / "photos" / "00000.jsonl"
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(SourceListError, match="line 1"):
        run(project)
    assert len(path.read_bytes()) == 50


def test_cache_gives_the_same_list(project):
    put(project, {"a.jpg": b"1", "b.jpg": b"2"})
    cache = project / "data" / ".cache" / "scan.json"
    for name in ("a.jpg", "b.jpg"):
        os.utime(project / "photos" / name, (1, 1))
    run(project)
    plain = written(project)
    for _ in range(2):
        run(project, replace=True, cache_path=cache)
        assert written(project) == plain
