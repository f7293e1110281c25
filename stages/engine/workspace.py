"""Where things lie: the project root and the folders below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CURRENT_STAGE = "FLAWFACTORY_STAGE"
"""Environment variable: the stage that this process and its workers compute for."""
CURRENT_PHOTO = "FLAWFACTORY_PHOTO"
"""Environment variable: key of the photo that this process works on."""


class FactoryError(Exception):
    """An error for the person at the keyboard: one message that says what to do."""


def home_of(root: Path) -> Path:
    """The checkout that started a DVC experiment in the temporary folder `root`, else `root`."""
    for folder in root.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return root


@dataclass(frozen=True)
class Workspace:
    """Paths of one checkout. `data/<stage>` are DVC's outputs; what starts with a dot is not."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """The nearest folder at or above `start` (default: here) that holds dvc.yaml.

        ``FLAWFACTORY_ROOT`` overrides it.
        """
        if configured := os.environ.get("FLAWFACTORY_ROOT"):
            return cls(Path(configured).resolve())
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "dvc.yaml").is_file():
                return cls(folder)
        raise FactoryError(f"no dvc.yaml at or above {here}: run inside a flawfactory checkout")

    @property
    def data(self) -> Path:
        """All outputs."""
        return self.root / "data"

    @property
    def home(self) -> Path:
        """The checkout that owns what no version holds: store, weights, answers, places. Another
        than `root` for a DVC experiment in a temporary folder (``dvc exp run --temp``, --queue).
        """
        return home_of(self.root)

    @property
    def sources(self) -> Path:
        """The source list (`storage.source_list`), tracked by DVC as ``sources.dvc``."""
        return self.data / "sources"

    @property
    def places(self) -> Path:
        """Where the folders of the source list lie on this machine."""
        return self.home / "data" / ".places.json"

    @property
    def reports(self) -> Path:
        """Run reports: times, gates, progress. Not reproducible, so outside DVC's outputs."""
        return self.data / ".report"

    @property
    def calls(self) -> Path:
        """What was asked of services over the network: answers and ledger. Kept for ever."""
        return self.home / "data" / ".calls"

    def stage(self, name: str) -> Path:
        """A stage's output folder."""
        return self.data / name
