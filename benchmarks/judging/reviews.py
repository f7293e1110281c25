"""Write the raters' verdicts as review files, which `flawfactory judge` reads.

    python -m benchmarks.judging.reviews [--set test] [--folder FOLDER]

Writes ``reviews/<set>-<rater>.json``: accepted is what is right by the rubric. Needs the verdicts
and, for the digests of the flaws, the scores.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.judging import scores, verdicts
from benchmarks.judging.draw import SETS, SetName
from benchmarks.judging.verdicts import Verdict
from stages.engine.files import sha256_file, write_atomically
from stages.filter.reviews import Mark, Reason, ReviewFile, dump_review, make_review

FOLDER = Path(__file__).with_name("reviews")


def make_reviews(name: SetName, time: datetime) -> dict[str, ReviewFile]:
    """Make a review file of each rater of a set, by rater; verdicts on results that were not scored
    are left out.

    Args:
        name: the set.
        time: time of the marks.
    """
    digests = {row.name: row.sha256 for row in scores.load(name, "flaws").rows}
    identity = sha256_file(scores.path_of(name, "flaws"))
    return {
        rater: make_review(identity, rater, _mark(rows, digests, time))
        for rater, rows in verdicts.load(name).items()
    }


def _mark(rows: Mapping[str, Verdict], digests: Mapping[str, str], time: datetime) -> list[Mark]:
    return [
        Mark(
            pixels_sha256=digests[name],
            flaw=name,
            verdict="accept" if verdict.right else "reject",
            reason=find_reason(verdict),
            note=verdict.note,
            time=time,
        )
        for name, verdict in rows.items()
        if name in digests
    ]


def find_reason(verdict: Verdict) -> Reason:
    """Return the first question of the rubric that the result fails; empty if it fails none."""
    if not verdict.perceptible:
        return "not_perceptible"
    if not verdict.inside:
        return "wrong_place"
    if not verdict.intended:
        return "not_intended"
    return "not_convincing" if verdict.plausible == "no" else ""


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description="Write the verdicts as review files.")
    parser.add_argument("--set", choices=SETS, nargs="*", default=SETS)
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument(
        "--time", type=datetime.fromisoformat, default=datetime.now(UTC).replace(microsecond=0),
        help="time of the marks (ISO 8601 with a zone); default: now",
    )  # fmt: skip
    args = parser.parse_args()
    for name in args.set:
        for rater, file in make_reviews(name, args.time).items():
            path = args.folder / f"{name}-{rater}.json"
            write_atomically(path, dump_review(file))
            print(f"{path}: {len(file.marks)} marks")


if __name__ == "__main__":
    main()
