"""Find and remove people's marks on the flaws of a photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from flows.erasure.photo import Photo
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.reviews import FOLDER, dump_review, read_review


def count_marks(
    workspace: Workspace, photos: Sequence[Photo]
) -> tuple[dict[Path, int], list[Path]]:
    """Return the review files with marks on flaws of `photos` with their number, and the JSON files
    of the folder that are not review files, so that they cannot be searched."""
    keys = {photo.key for photo in photos}
    counts: dict[Path, int] = {}
    unreadable = []
    for path in sorted((workspace.root / FOLDER).rglob("*.json")):
        try:
            marks = read_review(path)[0].marks
        except FactoryError:
            unreadable.append(path)
            continue
        if count := sum(mark.photo in keys for mark in marks):
            counts[path] = count
    return counts, unreadable


def purge_marks(path: Path, photos: Sequence[Photo]) -> None:
    """Remove the marks on flaws of `photos` from a review file.

    Raises:
        FactoryError: it is no longer a review file.
        OSError: it cannot be written.
    """
    keys = {photo.key for photo in photos}
    review, _ = read_review(path)
    kept = [mark for mark in review.marks if mark.photo not in keys]
    write_atomically(path, dump_review(review.model_copy(update={"marks": kept})))
