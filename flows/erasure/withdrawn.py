"""Check that the outputs hold nothing of withdrawn photos."""

from __future__ import annotations

from flows.erasure.photo import Photo
from flows.erasure.traces import contains_photo
from flows.verification import Finding, locked_outputs
from stages.engine.storage.source_list import KEY_LENGTH, read_list
from stages.engine.workspace import Workspace
from stages.ingest.sources import withdrawn_contents


def list_withdrawn(workspace: Workspace) -> list[str]:
    """Return the keys of the photos that the source list calls withdrawn, sorted; purged ones too.
    Empty where the list is not here.

    Raises:
        SourceListError: the list is damaged.
    """
    if not workspace.sources.is_dir():
        return []
    gone = withdrawn_contents(read_list(workspace.sources))
    return sorted(digest[:KEY_LENGTH] for digest in gone)


def find_withdrawn(workspace: Workspace, keys: list[str]) -> list[Finding]:
    """Find the output files with a sample, row or member of one of these photos.

    Rows that only record that a photo was withdrawn do not count.

    Raises:
        FactoryError: nothing was built yet.
    """
    photos = [Photo(key, None, (), ()) for key in keys]
    return [
        Finding(out.stage, path, f"contains {photo.key}, which was withdrawn")
        for out in locked_outputs(workspace)
        for path in sorted(out.path.rglob("*"))
        if path.is_file() and contains_photo(path, photos)
        for photo in photos
        if contains_photo(path, [photo])
    ]
