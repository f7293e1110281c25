import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo
from PIL import Image

from flows.repository import SOURCES
from flows.sources import (
    default_sources,
    locate,
    prepare,
    strangers,
    update_source_list,
)
from stages.engine.storage.source_list import read_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.sources import forget


@pytest.fixture
def empty(workspace: Workspace) -> Workspace:
    """A git and DVC repository without a list."""
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


def test_the_same_folder_grows_and_dvc_knows_every_version(
    empty: Workspace, folders: list[Path]
) -> None:
    versions = []
    for told in ("1 added", "1 added, 1 unchanged"):
        assert told in update_source_list(empty, folders[:1])
        with Repo(str(empty.root)) as repo:
            assert repo.status(targets=[str(SOURCES)]) == {}
        versions.append((empty.root / SOURCES).read_text())
        Image.new("RGB", (160, 160), "gold").save(folders[0] / "new photo.png")
    assert versions[0] != versions[1]
    assert strangers(empty, folders) == folders[1:]


def test_photos_of_a_new_folder_join_or_take_the_place_only_when_that_is_said(
    empty: Workspace, folders: list[Path]
) -> None:
    prepare(empty, folders[:1], add=False, replace=False)
    with pytest.raises(FactoryError, match="second: --add to have both, --replace"):
        prepare(empty, folders[1:], add=False, replace=False)
    assert names(empty) == ["first/photo.png"]
    prepare(empty, folders[1:], add=True, replace=False)
    assert names(empty) == ["first/photo.png", "second/photo.png"]
    prepare(empty, folders[1:], add=False, replace=False)  # no stranger any more
    assert len(names(empty)) == 2
    prepare(empty, folders[1:], add=False, replace=True)
    assert names(empty) == ["second/photo.png"]
    [entry] = read_list(empty.sources)
    forget(empty.sources, {entry.sha256 or ""})
    assert strangers(empty, folders) == folders  # a purged photo lies nowhere
    assert prepare(empty, [], add=False, replace=False) is None


def test_a_fresh_checkout_starts_with_the_samples_and_they_give_way(
    empty: Workspace, folders: list[Path]
) -> None:
    shutil.copytree(folders[1], empty.root / "samples" / "photos")
    prepare(empty, [], add=False, replace=False)
    assert names(empty) == ["samples/photos/photo.png"]
    prepare(empty, folders[:1], add=False, replace=False)
    assert names(empty) == ["first/photo.png"]


def test_a_data_set_whose_list_is_not_here_is_not_replaced(
    empty: Workspace, folders: list[Path]
) -> None:
    (empty.root / "dvc.lock").write_text("schema: '2.0'\n")
    for given in ([], folders):
        with pytest.raises(FactoryError, match=r"data/sources.dvc belongs into git"):
            prepare(empty, given, add=False, replace=False)
    update_source_list(empty, folders[:1], replace=True)
    shutil.rmtree(empty.sources)
    for given in ([], folders):
        with pytest.raises(FactoryError, match=r"dvc pull data/sources.dvc"):
            prepare(empty, given, add=True, replace=False)
    with pytest.raises(FactoryError, match=r"dvc pull data/sources.dvc"):
        update_source_list(empty, folders)
    assert not empty.sources.exists()


def test_where_a_folder_lies_is_told_by_one_command(
    empty: Workspace, folders: list[Path], tmp_path: Path
) -> None:
    update_source_list(empty, folders)
    pointer = (empty.root / SOURCES).read_text()
    moved = folders[0].rename(tmp_path / "on another disk")
    assert "first lies at" in (told := locate(empty, moved)) and "100%" in told
    assert (empty.root / SOURCES).read_text() == pointer
    assert strangers(empty, [moved, folders[1]]) == []
    (moved / "photo.png").unlink()
    with pytest.raises(FactoryError, match=r"does not hold the files of a folder.*\(first, second"):
        locate(empty, moved)
    assert "0%" in locate(empty, moved, "first")
    with pytest.raises(FactoryError, match="no folder third; it has: first, second"):
        locate(empty, moved, "third")
    with pytest.raises(FactoryError, match="no such folder"):
        locate(empty, tmp_path / "nowhere")


def test_people_are_a_default_source_once_they_are_fetched(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    photos = tmp_path / "samples" / "photos"
    assert default_sources(workspace) == [photos]
    people = tmp_path / "data" / ".fetched" / "people"
    people.mkdir(parents=True)
    assert default_sources(workspace) == [photos, people]


def test_the_words_of_a_scan_name_rights_and_sidecars(
    empty: Workspace, folders: list[Path]
) -> None:
    (folders[0] / "photo.json").write_text('{"shapes": []}')
    (folders[1] / "photo.json").write_text('{"licence": "prop')
    (folders[1] / "LICENCES.toml").write_text('[default]\nlicence = "proprietary"\n')
    first, *lines = update_source_list(empty, folders).split("\n")
    assert first.startswith("source list: 2 added, ")
    assert first.endswith(", 1 JSON file of other programs left alone")
    assert lines[0].startswith("sidecar left out: ") and "photo.json, line 1" in lines[0]
    assert lines[1:] == [
        "not publishable: licence 'proprietary' (1 photo): not an SPDX identifier",
        "not publishable: licence 'unknown' (1 photo): no licence is given",
    ]


def test_licences_that_may_be_passed_on_are_not_mentioned(
    empty: Workspace, folders: list[Path]
) -> None:
    (folders[0] / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    assert "publishable" not in update_source_list(empty, folders[:1])


def test_many_bad_sidecars_are_counted(empty: Workspace, folders: list[Path]) -> None:
    for number in range(5):
        (folders[0] / f"{number}.png").write_bytes(b"x")
        (folders[0] / f"{number}.json").write_text("{")
    said = update_source_list(empty, folders[:1])
    assert said.count("sidecar left out") == 3 and "... and 2 more sidecars" in said
