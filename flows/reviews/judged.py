"""Read what the filter of this build says about each flaw, and what people say about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.records import read_record
from stages.engine.storage.shard import read_samples
from stages.engine.storage.tables import PHOTOS, output_digest
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.reviews import Opinion, ReviewFile, combine, read_review, read_reviews
from stages.records.documents import Curation
from stages.tools import Tool

FILTER = "filter"


@dataclass(frozen=True)
class JudgedFlaw:
    """What bounds and judge say about one flaw."""

    name: str
    """``<photo>-<variant>``"""
    tool: Tool
    pixels_sha256: str
    verdict: str
    """``ok`` or a reject code."""
    judge: str
    scores: Mapping[str, float]

    @property
    def photo(self) -> str:
        """Key of the photo."""
        return self.name.partition("-")[0]

    @property
    def kept(self) -> bool:
        """Whether bounds and judge keep it."""
        return self.verdict == "ok"


def data_set_digest(data: Path) -> str:
    """Return the identity of a version for review files: the digest of the tables of stage filter;
    empty if it has not run."""
    folder = data / FILTER
    return output_digest(folder) if (folder / PHOTOS).is_file() else ""


def read_judged(data: Path) -> Iterator[JudgedFlaw]:
    """Yield the flaws that the filter judged, those that it rejected included.

    Raises:
        FactoryError: the filter has not run, or an older version of flawfactory ran it.
    """
    if not data_set_digest(data):
        raise FactoryError(f"{data / FILTER} has no output yet: run `flawfactory build`")
    for path in sorted((data / FILTER).glob("shard-*.tar")):
        with path.open("rb") as file:
            for key, members in read_samples(file):
                name = f"{FILTER}/{path.name}"
                curation = Curation.model_validate(read_record(members["json"], name))
                for verdict in curation.verdicts:
                    if not verdict.pixels_sha256:
                        raise FactoryError(
                            f"{path} was written by an older version: run `flawfactory build`"
                        )
                    yield JudgedFlaw(
                        f"{key}-{verdict.variant}",
                        verdict.tool,
                        verdict.pixels_sha256,
                        verdict.judge_verdict,
                        verdict.judge,
                        verdict.scores,
                    )


@dataclass(frozen=True)
class Marks:
    """The review files that a command was given."""

    files: Mapping[str, ReviewFile]

    @property
    def opinions(self) -> dict[str, Opinion]:
        """Digest of a flaw's pixels to what the reviewers say."""
        return combine(self.files.values())

    def stale(self, known: frozenset[str]) -> dict[str, list[str]]:
        """Name of a file to the flaws whose marked pixels are not in `known`."""
        found = {
            name: [mark.flaw for mark in file.marks if mark.pixels_sha256 not in known]
            for name, file in self.files.items()
        }
        return {name: flaws for name, flaws in found.items() if flaws}


def load_marks(workspace: Workspace, paths: Sequence[Path], patterns: Sequence[str]) -> Marks:
    """Read the files at `paths` or, if there are none, those that ``filter.reviews`` names.

    Raises:
        FactoryError: a file is not valid, or there is none.
    """
    if paths:
        return Marks({str(path): read_review(path)[0] for path in paths})
    files, _ = read_reviews(workspace.root, patterns)
    if not files:
        raise FactoryError(
            f"no review files: `filter.reviews` ({', '.join(patterns) or 'empty'}) names none; "
            "mark flaws with `flawfactory view --serve`"
        )
    return Marks(files)
