"""Evaluate the profile's perceiver on the labelled photos.

    python -m benchmarks.perception [--json FILE.json] [--profile compact] [--shards FOLDER]
                                    [--photos FILE ...]
    python -m benchmarks.perception --compare BEFORE.json AFTER.json

Prints tables; ``--json`` also writes the figures and the scores of each photo to a file.
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
from benchmarks.perception.score import Figures, PhotoScore, compute_figures, score_photo
from benchmarks.quality.photos import SHARDS
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.engine.provenance import numerics
from stages.engine.workspace import FactoryError, Workspace
from stages.records.documents import Document


class Report(Document):
    """The contents of the ``--json`` file."""

    commit: str
    profile: str
    perceiver: str
    """The perceiver's revision."""
    machine: dict[str, str]
    missing: list[str]
    """Photos whose collection was missing."""
    figures: Figures
    photos: list[PhotoScore]


def main() -> None:
    """Evaluate the perceiver or compare two files."""
    parser = argparse.ArgumentParser(description="Evaluate the perceiver on labelled photos.")
    parser.add_argument("--profile", help="default: base.profile")
    parser.add_argument("--shards", type=Path, default=SHARDS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="cache folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    parser.add_argument("--compare", type=Path, nargs=2, metavar=("BEFORE", "AFTER"))
    args = parser.parse_args()
    if args.compare:
        print_comparison(*args.compare)
        return
    try:
        chosen, missing = labels.select(labels.load(), args.photos), list[str]()
        perceive = Perception(args.profile, args.folder)
        rows = UntilStopped(score_photos(perceive, args.shards, chosen, missing))
        report = make_report(perceive, list(rows), missing)
    except (FactoryError, ValueError) as problem:
        sys.exit(str(problem))
    if args.json and not rows.stopped:
        write_atomically(args.json, pretty_json(report.model_dump(mode="json")))
    print(f"{report.perceiver}, profile {report.profile}, commit {report.commit}\n")
    print(tables.tabulate_figures([("", report.figures)]), end="\n\n")
    print(tables.tabulate_calibration(report.figures), end="\n\n")
    print(tables.tabulate_agreement(labels.load(), labels.load(labels.SECOND)))
    collection = {photo.name: photo.collection for photo in labels.load()}
    for name, count in Counter(collection[name] for name in report.missing).items():
        print(f"missing: {count} photos of {name} (docs/perception-figures.md names the source)")
    rows.exit_if_stopped()


def score_photos(
    perceive: Perception, shards: Path, chosen: list[LabelledPhoto], missing: list[str]
) -> Iterator[PhotoScore]:
    """Perceive and score the photos that are present; add the names of the others to `missing`.

    Raises:
        FactoryError: weights are missing.
        ValueError: a photo's file is not the one that was labelled.
    """
    for photo, image in labels.read_present(chosen, shards, missing):
        yield score_photo(photo, perceive(photo, image))


def make_report(perceive: Perception, rows: list[PhotoScore], missing: list[str]) -> Report:
    """Make the report on scored photos.

    Raises:
        ValueError: there are none.
    """
    machine = {"cores": str(os.cpu_count()), **numerics()}
    return Report(
        commit=read_commit(),
        profile=perceive.profile,
        perceiver=perceive.revision,
        machine=machine,
        missing=missing,
        figures=compute_figures(rows),
        photos=rows,
    )


def print_comparison(before: Path, after: Path) -> None:
    """Print two files side by side, and a warning unless they cover the same photos."""
    reports = [Report.model_validate_json(path.read_bytes()) for path in (before, after)]
    names = [path.stem for path in (before, after)]
    print(tables.tabulate_figures([(n, r.figures) for n, r in zip(names, reports, strict=True)]))
    if {p.name for p in reports[0].photos} != {p.name for p in reports[1].photos}:
        print("\nThe files cover different photos: only runs with all collections are comparable.")


def read_commit() -> str:
    """Return the checkout's commit, or ``unknown`` outside of git."""
    command = ["git", "-C", str(Workspace.find().root), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
