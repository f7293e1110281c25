from pathlib import Path

import pytest
from PIL import Image

from flows.sources import default_sources, outside, update_source_list
from stages.engine.workspace import Workspace
from stages.ingest.sources import forget, read_list


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    made = []
    for name, colour in (("first", "teal"), ("second", "plum")):
        folder = tmp_path / name
        folder.mkdir()
        Image.new("RGB", (160, 160), colour).save(folder / "photo.png")
        made.append(folder)
    return made


def test_the_same_folder_grows_and_another_is_outside(tmp_path: Path, folders: list[Path]) -> None:
    workspace = Workspace(tmp_path)
    assert "1 added" in update_source_list(workspace, folders[:1])
    assert not outside(workspace, folders[:1])
    assert outside(workspace, folders[1:])
    Image.new("RGB", (160, 160), "gold").save(folders[0] / "new photo.png")
    assert "1 added, 1 unchanged" in update_source_list(workspace, folders[:1])
    update_source_list(workspace, folders[1:], replace=True)
    assert not outside(workspace, folders[1:])
    [entry] = read_list(workspace.sources)
    forget(workspace.sources, {entry.sha256 or ""})
    assert not outside(workspace, folders[1:])  # a purged photo lies nowhere


def test_people_are_a_default_source_once_they_are_fetched(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    photos = tmp_path / "samples" / "photos"
    assert default_sources(workspace) == [photos]
    people = tmp_path / "data" / ".fetched" / "people"
    people.mkdir(parents=True)
    assert default_sources(workspace) == [photos, people]


def test_the_words_of_a_scan_name_rights_and_sidecars(tmp_path: Path, folders: list[Path]) -> None:
    (folders[0] / "photo.json").write_text('{"shapes": []}')
    (folders[1] / "photo.json").write_text('{"licence": "prop')
    (folders[1] / "LICENCES.toml").write_text('[default]\nlicence = "proprietary"\n')
    first, *lines = update_source_list(Workspace(tmp_path), folders).split("\n")
    assert first.startswith("source list: 2 added, ")
    assert first.endswith(", 1 JSON file of other programs left alone")
    assert lines[0].startswith("sidecar left out: ") and "photo.json, line 1" in lines[0]
    assert lines[1:] == [
        "not publishable: licence 'proprietary' (1 photo): not an SPDX identifier",
        "not publishable: licence 'unknown' (1 photo): nobody named a licence",
    ]


def test_licences_that_may_be_passed_on_are_not_mentioned(
    tmp_path: Path, folders: list[Path]
) -> None:
    (folders[0] / "LICENCES.toml").write_text('[default]\nlicence = "CC0-1.0"\n')
    assert "publishable" not in update_source_list(Workspace(tmp_path), folders[:1])


def test_many_bad_sidecars_are_counted(tmp_path: Path, folders: list[Path]) -> None:
    for number in range(5):
        (folders[0] / f"{number}.png").write_bytes(b"x")
        (folders[0] / f"{number}.json").write_text("{")
    said = update_source_list(Workspace(tmp_path), folders[:1])
    assert said.count("sidecar left out") == 3 and "... and 2 more sidecars" in said
