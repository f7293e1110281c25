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
