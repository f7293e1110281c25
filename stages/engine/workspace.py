"""Paths of a checkout: the project root and the folders below it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

CURRENT_STAGE = "FLAWFACTORY_STAGE"
"""Environment variable: name of the stage that this process and its workers compute."""
CURRENT_PHOTO = "FLAWFACTORY_PHOTO"
"""Environment variable: key of the photo that this process computes."""


class FactoryError(Exception):
    """An error that the user can fix; its message says how."""


def home_of(root: Path) -> Path:
    """Return the checkout whose DVC experiment runs in the temporary folder `root`, else `root`."""
    for folder in root.parents:
        if folder.parts[-3:] == (".dvc", "tmp", "exps"):
            return folder.parents[2]
    return root


@dataclass(frozen=True)
class Workspace:
    """Paths of one checkout. DVC tracks ``data/<stage>``, but nothing that begins with a dot."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> Workspace:
        """Find the nearest folder at or above `start` (default: the current one) with a dvc.yaml.

        ``FLAWFACTORY_ROOT`` overrides it.

        Raises:
            FactoryError: there is no such folder.
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
        """The folder of all outputs."""
        return self.root / "data"

    @property
    def home(self) -> Path:
        """The checkout that owns what is not versioned: store, weights, answers, `places`.

        It differs from `root` in a DVC experiment in a temporary folder (``dvc exp run --temp``,
        ``--queue``).
        """
        return home_of(self.root)

    @property
    def sources(self) -> Path:
        """The source list (`storage.source_list`), tracked by DVC as ``sources.dvc``."""
        return self.data / "sources"

    @property
    def places(self) -> Path:
        """The file that says where the folders of the source list are on this machine."""
        return self.home / "data" / ".places.json"

    @property
    def reports(self) -> Path:
        """Run reports: times, gates, progress. Not reproducible, so not an output of DVC."""
        return self.data / ".report"

    @property
    def calls(self) -> Path:
        """Answers of models over the network, and the ledger of calls. Kept for ever."""
        return self.home / "data" / ".calls"

    def stage(self, name: str) -> Path:
        """Return a stage's output folder."""
        return self.data / name
