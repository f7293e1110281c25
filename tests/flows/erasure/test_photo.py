from pathlib import Path

import pytest

from flows.erasure.photo import find_photos
from stages.engine.storage.source_list import REPLACED, Source, write_list
from stages.engine.workspace import FactoryError, Workspace
from stages.ingest.sources import withdraw

OLD, NEW = "1" * 64, "2" * 64
WORDS = {"bytes": 1, "licence": "MIT", "origin": "here", "batch": "b"}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A checkout that lists a file whose photo was replaced."""
    workspace = Workspace(tmp_path)
    for half in ("photos", "words"):
        (workspace.sources / half).mkdir(parents=True)
    old = Source(path="a.jpg", sha256=OLD, withdrawn=REPLACED, **WORDS)
    write_list(workspace.sources, [old, Source(path="a.jpg", sha256=NEW, **WORDS)])
    return workspace


def test_a_path_means_all_withdrawn_photos_that_were_there(workspace: Workspace) -> None:
    with pytest.raises(FactoryError, match=f"{NEW[:16]} is in use: run `flawfactory withdraw"):
        find_photos(workspace, "a.jpg")
    withdraw(workspace, NEW, "asked for")
    assert [photo.sha256 for photo in find_photos(workspace, "a.jpg")] == [NEW]
    withdraw(workspace, "a.jpg", "asked for")
    assert [photo.sha256 for photo in find_photos(workspace, "a.jpg")] == [OLD, NEW]
    assert [photo.sha256 for photo in find_photos(workspace, OLD[:16])] == [OLD]
