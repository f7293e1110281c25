import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from dvc.repo import Repo
from PIL import Image

from flows.repository import SOURCES
from flows.sources import (
    default_sources,
    prepare_source_list,
    record_location,
    unknown_folders,
    update_source_list,
)
from flows.unfetched import read_counts
from stages.engine.storage.source_list import Source, read_list, write_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.buckets.address import BucketPrefix
from stages.ingest.codes import IngestCode
from stages.ingest.files import FileProblem
from stages.ingest.sources import forget


@pytest.fixture
def unlisted(workspace: Workspace) -> Workspace:
    """A git and DVC repository without a source list."""
    workspace.sources.unlink()
    return workspace


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = []
    for name, colour in (("first", "teal"), ("second", "plum")):
        folder = tmp_path / name
        folder.mkdir()
        Image.new("RGB", (160, 160), colour).save(folder / "photo.png")
        made.append(folder)
    return made


def names(workspace: Workspace) -> list[str]:
    return [entry.name for entry in read_list(workspace.sources)]


def test_scanning_a_folder_again_adds_its_new_photos_and_dvc_tracks_each_version(
    unlisted: Workspace, folders: list[Path]
) -> None:
    versions = []
    for summary in ("1 added", "1 added, 1 unchanged"):
        assert summary in update_source_list(unlisted, folders[:1])
        with Repo(str(unlisted.root)) as repo:
            assert repo.status(targets=[str(SOURCES)]) == {}
        versions.append((unlisted.root / SOURCES).read_text())
        Image.new("RGB", (160, 160), "gold").save(folders[0] / "new photo.png")
    assert versions[0] != versions[1]
    assert unknown_folders(unlisted, folders) == folders[1:]


def test_a_scan_counts_what_it_could_not_read(
    unlisted: Workspace, folders: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FileProblem(IngestCode.UNREADABLE, "cannot be read (Stale file handle)")

    monkeypatch.setattr("stages.ingest.scan.digest_capped", fail)
    for scans in (1, 2):
        update_source_list(unlisted, folders)
        assert read_counts(unlisted, folders) == [scans, scans]
    monkeypatch.undo()
    update_source_list(unlisted, folders)
    assert read_counts(unlisted, folders) == []


def test_a_bucket_is_known_by_the_copies_of_its_photos(unlisted: Workspace) -> None:
    path = "data/.buckets/flaws/photos/a.jpg"
    words = {"licence": "unknown", "origin": "unknown", "batch": "photos"}
    entry = Source(path=path, bytes=1, sha256="a" * 64, **words)
    write_list(unlisted.sources, [entry])
    given = [BucketPrefix("flaws"), BucketPrefix("flaws", "photos"), BucketPrefix("flaws", "pho")]
    assert unknown_folders(unlisted, given) == given[2:]
    write_list(unlisted.sources, [replace(entry, withdrawn="asked for")])  # of an earlier list
    assert unknown_folders(unlisted, given) == given


def test_a_new_folder_needs_add_or_replace(unlisted: Workspace, folders: list[Path]) -> None:
    prepare_source_list(unlisted, folders[:1], add=False, replace=False)
    with pytest.raises(FactoryError, match="second yet: give --add to add them, or --replace"):
        prepare_source_list(unlisted, folders[1:], add=False, replace=False)
    assert names(unlisted) == ["first/photo.png"]
    prepare_source_list(unlisted, folders[1:], add=True, replace=False)
    assert names(unlisted) == ["first/photo.png", "second/photo.png"]
    prepare_source_list(unlisted, folders[1:], add=False, replace=False)  # the folder is known now
    assert len(names(unlisted)) == 2
    prepare_source_list(unlisted, folders[1:], add=False, replace=True)
    assert names(unlisted) == ["second/photo.png"]
    [entry] = read_list(unlisted.sources)
    forget(unlisted.sources, {entry.sha256 or ""})
    assert unknown_folders(unlisted, folders) == folders  # a purged photo has no path
    assert prepare_source_list(unlisted, [], add=False, replace=False) is None


def test_sample_photos_are_the_default_and_are_replaced(
    unlisted: Workspace, folders: list[Path]
) -> None:
    shutil.copytree(folders[1], unlisted.root / "samples" / "photos")
    prepare_source_list(unlisted, [], add=False, replace=False)
    assert names(unlisted) == ["samples/photos/photo.png"]
    prepare_source_list(unlisted, folders[:1], add=False, replace=False)
    assert names(unlisted) == ["first/photo.png"]


def test_a_missing_source_list_is_not_replaced(unlisted: Workspace, folders: list[Path]) -> None:
    (unlisted.root / "dvc.lock").write_text("schema: '2.0'\n")
    for given in ([], folders):
        with pytest.raises(FactoryError, match=r"data/sources.dvc is not in git"):
            prepare_source_list(unlisted, given, add=False, replace=False)
    update_source_list(unlisted, folders[:1], replace=True)
    shutil.rmtree(unlisted.sources)
    for given in ([], folders):
        with pytest.raises(FactoryError, match=r"dvc pull data/sources.dvc"):
            prepare_source_list(unlisted, given, add=True, replace=False)
    with pytest.raises(FactoryError, match=r"dvc pull data/sources.dvc"):
        update_source_list(unlisted, folders)
    assert not unlisted.sources.exists()


def test_the_location_of_a_folder_is_recorded_without_changing_the_list(
    unlisted: Workspace, folders: list[Path], tmp_path: Path
) -> None:
    update_source_list(unlisted, folders)
    pointer = (unlisted.root / SOURCES).read_text()
    moved = folders[0].rename(tmp_path / "on another disk")
    assert "first is at" in (summary := record_location(unlisted, moved)) and "100%" in summary
    assert (unlisted.root / SOURCES).read_text() == pointer
    assert unknown_folders(unlisted, [moved, folders[1]]) == []
    (moved / "photo.png").unlink()
    with pytest.raises(
        FactoryError, match=r"does not contain the files of a folder.*\(first, second"
    ):
        record_location(unlisted, moved)
    assert "0%" in record_location(unlisted, moved, "first")
    with pytest.raises(FactoryError, match="no folder third; it has: first, second"):
        record_location(unlisted, moved, "third")
    with pytest.raises(FactoryError, match="no such folder"):
        record_location(unlisted, tmp_path / "nowhere")


def test_photos_of_people_are_a_default_source_once_fetched(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    photos = tmp_path / "samples" / "photos"
    assert default_sources(workspace) == [photos]
    people = tmp_path / "data" / ".fetched" / "people"
    people.mkdir(parents=True)
    assert default_sources(workspace) == [photos, people]


def test_the_summary_of_a_scan_names_licences_and_sidecars(
    unlisted: Workspace, folders: list[Path]
) -> None:
    (folders[0] / "photo.json").write_text('{"shapes": []}')
    (folders[1] / "photo.json").write_text('{"licence": "prop')
    (folders[1] / "LICENCES.toml").write_text('[default]\nlicence = "proprietary"\n')
    first, *lines = update_source_list(unlisted, folders).split("\n")
    assert first.startswith("source list: 2 added, ")
    assert first.endswith(", 1 JSON file of other programs left alone")
    assert lines[0].startswith("sidecar left out: ") and "photo.json, line 1" in lines[0]
    assert lines[1:] == [
        "not publishable: licence 'proprietary' (1 photo): not an SPDX identifier",
        "not publishable: licence 'unknown' (1 photo): no licence is given",
    ]


def test_the_summary_of_a_scan_says_what_changed_and_what_cannot_be_used(
    unlisted: Workspace, folders: list[Path]
) -> None:
    folder = folders[0]
    update_source_list(unlisted, [folder])
    (folder / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    (folder / "a\nverified\x1b[2J.png").touch()
    (folder / "b.png").touch()
    said = update_source_list(unlisted, [folder]).split("\n")
    same = "1 unchanged (1 with another licence, origin, creator or title)"
    assert said[0] == f"source list: 2 added, {same}, 2 empty"
    name = "a\\nverified\\x1b[2J.png"
    assert said[1] == f"empty: {name} has no bytes: copy it again (and 1 more)"


def test_publishable_licences_are_not_mentioned(unlisted: Workspace, folders: list[Path]) -> None:
    (folders[0] / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    assert "publishable" not in update_source_list(unlisted, folders[:1])


def test_sidecars_beyond_the_third_are_counted(unlisted: Workspace, folders: list[Path]) -> None:
    for number in range(5):
        (folders[0] / f"{number}.png").write_bytes(b"x")
        (folders[0] / f"{number}.json").write_text("{")
    said = update_source_list(unlisted, folders[:1])
    assert said.count("sidecar left out") == 3 and "... and 2 more sidecars" in said
