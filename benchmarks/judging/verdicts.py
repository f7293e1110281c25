"""Store the raters' verdicts in ``verdicts/``: one file for each set and rater.

    python -m benchmarks.judging.verdicts ANSWERS.json KEY.json --set test --rater a

Reads a rater's answers to the numbered sheets and the sheets' key, checks that every number is
answered exactly once, and writes ``verdicts/<set>-<rater>.json``.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from benchmarks.judging.draw import SETS, SetName
from stages.engine.files import canonical_json, write_atomically
from stages.records.documents import Document

FOLDER = Path(__file__).with_name("verdicts")


class Verdict(Document):
    """One rater's verdict on one result (RUBRIC.md)."""

    name: str
    """``<photo key>-<variant id>``"""
    id: int
    """Number on the sheets."""
    perceptible: bool
    inside: bool
    intended: bool
    plausible: Literal["yes", "borderline", "no"]
    note: str = ""

    @property
    def right(self) -> bool:
        """Whether the result is right by the rubric's rule."""
        seen = self.perceptible and self.inside and self.intended
        return seen and self.plausible != "no"


def parse_answers(answers: Sequence[Mapping[str, Any]], key: Mapping[str, str]) -> list[Verdict]:
    """Convert answers by number into verdicts by name, in the order of the numbers.

    Raises:
        ValueError: a number is missing, unknown or answered twice, or an answer is malformed.
    """
    counts = Counter(str(answer["id"]) for answer in answers)
    if wrong := sorted(set(key) ^ set(counts) | {n for n, c in counts.items() if c > 1}):
        raise ValueError(
            f"numbers not answered exactly once, or not on the sheets: {', '.join(wrong)}"
        )
    rows = ({**answer, "name": key[str(answer["id"])]} for answer in answers)
    return sorted(map(Verdict.model_validate, rows), key=lambda verdict: verdict.id)


def load(name: SetName) -> dict[str, dict[str, Verdict]]:
    """Load a set's verdicts: rater to result name to verdict."""
    found = {}
    for path in sorted(FOLDER.glob(f"{name}-*.json")):
        rows = json.loads(path.read_bytes())
        rater = path.stem.removeprefix(f"{name}-")
        found[rater] = {row["name"]: Verdict.model_validate(row) for row in rows}
    return found


def compute_shares(verdicts: Mapping[str, Mapping[str, Verdict]]) -> dict[str, float]:
    """Compute for each result name the share of its raters who call it right."""
    names = dict.fromkeys(name for rows in verdicts.values() for name in rows)
    votes = {
        name: [rows[name].right for rows in verdicts.values() if name in rows] for name in names
    }
    return {name: sum(rights) / len(rights) for name, rights in votes.items()}


def decide_by_majority(verdicts: Mapping[str, Mapping[str, Verdict]]) -> dict[str, bool]:
    """Decide for each result name whether it is right by majority; a tie is not right."""
    return {name: share > 0.5 for name, share in compute_shares(verdicts).items()}


def main() -> None:
    """Write a rater's verdicts."""
    parser = argparse.ArgumentParser(description="Store a rater's verdicts.")
    parser.add_argument("answers", type=Path)
    parser.add_argument("key", type=Path, help="<set>.key.json of the sheets")
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--rater", required=True, help="name of the rater, for the file's name")
    args = parser.parse_args()
    verdicts = parse_answers(
        json.loads(args.answers.read_bytes()), json.loads(args.key.read_bytes())
    )
    lines = b",\n".join(canonical_json(verdict.model_dump(mode="json")) for verdict in verdicts)
    write_atomically(FOLDER / f"{args.set}-{args.rater}.json", b"[\n%s\n]\n" % lines)
    share = sum(verdict.right for verdict in verdicts) / len(verdicts)
    print(f"{len(verdicts)} verdicts, {share:.0%} right")


if __name__ == "__main__":
    main()
