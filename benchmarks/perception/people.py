"""Evaluate how many people the profile's perceiver finds on photos that no rule was set on.

    python -m benchmarks.perception.people [--json FILE.json] [--profile compact] [--shards FOLDER]
                                           [--photos FILE ...]

The labels ([`labels-people.json`](labels-people.json)) are rough boxes of people; faces, hands and
things of these photos are not labelled.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.perception import labels
from benchmarks.perception.__main__ import read_commit
from benchmarks.perception.labels import LabelledPhoto
from benchmarks.perception.matching import match
from benchmarks.perception.predictions import FOLDER, Perception
from benchmarks.perception.score import MIN_OVERLAP, PERSON, Share
from benchmarks.perception.tables import format_share
from benchmarks.quality.photos import SHARDS
from benchmarks.stopping import UntilStopped
from stages.engine.files import pretty_json, write_atomically
from stages.engine.workspace import FactoryError
from stages.records.documents import Document, Entity

LABELS = Path(__file__).with_name("labels-people.json")


class PeopleScore(Document):
    """How many people of one photo were found; difficult labels count for nothing."""

    name: str
    labels: int
    found: int
    predicted: int
    right: int


class PeopleReport(Document):
    """The contents of the ``--json`` file."""

    commit: str
    profile: str
    perceiver: str
    """The perceiver's revision."""
    missing: list[str]
    """Photos whose collection was missing."""
    recall: Share
    precision: Share
    photos: list[PeopleScore]


def main() -> None:
    """Evaluate the perceiver and print recall and precision."""
    parser = argparse.ArgumentParser(description="Evaluate how many people are found.")
    parser.add_argument("--profile", help="default: base.profile")
    parser.add_argument("--shards", type=Path, default=SHARDS)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="cache folder")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--photos", nargs="*", default=(), metavar="FILE", help="only these")
    args = parser.parse_args()
    try:
        chosen, missing = labels.select(labels.load(LABELS), args.photos), list[str]()
        perceive = Perception(args.profile, args.folder)
        rows = UntilStopped(score_photos(perceive, args.shards, chosen, missing))
        report = make_report(perceive, list(rows), missing)
    except (FactoryError, ValueError) as problem:
        sys.exit(str(problem))
    if args.json and not rows.stopped:
        write_atomically(args.json, pretty_json(report.model_dump(mode="json")))
    print(f"{report.perceiver}, profile {report.profile}, commit {report.commit}")
    print(f"people: recall {format_share(report.recall)}")
    print(f"people: precision {format_share(report.precision)}")
    if missing:
        print(f"missing: {len(missing)} photos (docs/perception-figures.md names the source)")
    rows.exit_if_stopped()


def score_photos(
    perceive: Perception, shards: Path, chosen: list[LabelledPhoto], missing: list[str]
) -> Iterator[PeopleScore]:
    """Perceive and score the photos that are present; add the names of the others to `missing`.

    Raises:
        FactoryError: weights are missing.
        ValueError: a photo's file is not the one that was labelled.
    """
    for photo, image in labels.read_present(chosen, shards, missing):
        yield score_people(photo, perceive(photo, image))


def score_people(photo: LabelledPhoto, entities: list[Entity]) -> PeopleScore:
    """Match the people of one photo with its labels."""
    boxes = [entity.box for entity in entities if entity.name == PERSON]
    outcome = match(boxes, photo.people, MIN_OVERLAP["people"])
    found = [value for value in outcome.found if value is not None]
    right = [value for value in outcome.right if value is not None]
    return PeopleScore(
        name=photo.name,
        labels=len(found),
        found=sum(found),
        predicted=len(right),
        right=sum(right),
    )


def make_report(perceive: Perception, rows: list[PeopleScore], missing: list[str]) -> PeopleReport:
    """Sum the scores of all photos."""
    return PeopleReport(
        commit=read_commit(),
        profile=perceive.profile,
        perceiver=perceive.revision,
        missing=missing,
        recall=Share.of(sum(r.found for r in rows), sum(r.labels for r in rows)),
        precision=Share.of(sum(r.right for r in rows), sum(r.predicted for r in rows)),
        photos=rows,
    )


if __name__ == "__main__":
    main()
