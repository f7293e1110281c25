"""Measure the profile's perceiver on the labelled photos.

    python -m benchmarks.perception [--json FILE.json] [--profile compact] [--shards FOLDER]
                                    [--photos FILE ...]
    python -m benchmarks.perception --compare BEFORE.json AFTER.json

Prints tables; ``--json`` keeps the figures, and what became of each photo, in a file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from benchmarks.perception import labels, tables
from benchmarks.perception.labels import LabelledPhoto
from benchmarks.perception.predictions import FOLDER, Perception
from benchmarks.perception.score import Figures, PhotoScore, figures, score
from benchmarks.quality.photos import SHARDS
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.engine.provenance import numerics
from stages.engine.workspace import FactoryError, Workspace
from stages.records.documents import Document


class Report(Document):
    """The file of ``--json``."""

    commit: str
    profile: str
    perceiver: str
    """Its revision."""
    machine: dict[str, str]
    missing: list[str]
    """Photos whose collection was not there."""
    figures: Figures
    photos: list[PhotoScore]


def main() -> None:
    """Measure or compare."""
    parser = argparse.ArgumentParser(description="How well the perceiver sees labelled photos.")
    parser.add_argument("--profile", help="in the place of base.profile")
    parser.add_argument("--shards", type=Path, default=SHARDS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="of what is kept")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    given = parser.parse_args()
    if given.compare:
        compare(*given.compare)
        return
    try:
        chosen, missing = labels.named(labels.load(), given.photos), list[str]()
        perceive = Perception(given.profile, given.folder)
        rows = UntilStopped(scores(perceive, given.shards, chosen, missing))
        report = summed(perceive, list(rows), missing)
    except (FactoryError, ValueError) as problem:
        sys.exit(str(problem))
    if given.json and not rows.stopped:
        write_atomically(given.json, pretty_json(report.model_dump(mode="json")))
    print(f"{report.perceiver}, profile {report.profile}, commit {report.commit}\n")
    print(tables.summary([("", report.figures)]), end="\n\n")
    print(tables.calibration(report.figures), end="\n\n")
    print(tables.agreement(labels.load(), labels.load(labels.SECOND)))
    collection = {photo.name: photo.collection for photo in labels.load()}
    for name, count in Counter(collection[name] for name in report.missing).items():
        print(f"not there: {count} photos of {name} (docs/perception-figures.md says whence)")
    rows.leave()


def scores(
    perceive: Perception, shards: Path, chosen: list[LabelledPhoto], missing: list[str]
) -> Iterator[PhotoScore]:
    """Perceive and score the photos that are there; names of the others are added to `missing`.

    Raises:
        FactoryError: weights are missing.
        ValueError: a photo is not the file that was labelled.
    """
    for photo, image in labels.present(chosen, shards, missing):
        yield score(photo, perceive(photo, image))


def summed(perceive: Perception, rows: list[PhotoScore], missing: list[str]) -> Report:
    """The report on scored photos.

    Raises:
        ValueError: there are none.
    """
    machine = {"cores": str(os.cpu_count()), **numerics()}
    return Report(
        commit=commit(),
        profile=perceive.profile,
        perceiver=perceive.revision,
        machine=machine,
        missing=missing,
        figures=figures(rows),
        photos=rows,
    )


def compare(before: Path, after: Path) -> None:
    """Print two files side by side, and whether they saw the same photos."""
    reports = [Report.model_validate_json(path.read_bytes()) for path in (before, after)]
    names = [path.stem for path in (before, after)]
    print(tables.summary([(n, r.figures) for n, r in zip(names, reports, strict=True)]))
    if {p.name for p in reports[0].photos} != {p.name for p in reports[1].photos}:
        print("\nThe two saw different photos: only a run with all collections compares.")


def commit() -> str:
    """The checkout's commit; ``unknown`` outside of git."""
    command = ["git", "-C", str(Workspace.find().root), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
