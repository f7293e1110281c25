"""What lookers saw, as data: one file a set and looker in ``verdicts/``.

    python -m benchmarks.judging.verdicts ANSWERS.json KEY.json --set test --looker a

takes a looker's answers to the numbered sheets and the sheets' key, checks that every number is
answered once, and writes ``verdicts/<set>-<looker>.json``.
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


class Look(Document):
    """One looker's verdict on one result (RUBRIC.md)."""

    name: str
    """``<photo key>-<variant id>``"""
    id: int
    """On the sheets."""
    perceptible: bool
    inside: bool
    intended: bool
    plausible: Literal["yes", "borderline", "no"]
    note: str = ""

    @property
    def right(self) -> bool:
        """The rubric's rule."""
        seen = self.perceptible and self.inside and self.intended
        return seen and self.plausible != "no"


def named(answers: Sequence[Mapping[str, Any]], key: Mapping[str, str]) -> list[Look]:
    """Answers by number to verdicts by name, in the order of the numbers.

    Raises:
        ValueError: a number is missing, unknown, or answered twice; or an answer is malformed.
    """
    counts = Counter(str(answer["id"]) for answer in answers)
    if wrong := sorted(set(key) ^ set(counts) | {n for n, c in counts.items() if c > 1}):
        raise ValueError(f"not answered once each, or not on the sheets: {', '.join(wrong)}")
    looks = [Look.model_validate({**answer, "name": key[str(answer["id"])]}) for answer in answers]
    return sorted(looks, key=lambda look: look.id)


def load(name: SetName) -> dict[str, dict[str, Look]]:
    """Looker to result name to verdict."""
    found = {}
    for path in sorted(FOLDER.glob(f"{name}-*.json")):
        rows = json.loads(path.read_bytes())
        looker = path.stem.removeprefix(f"{name}-")
        found[looker] = {row["name"]: Look.model_validate(row) for row in rows}
    return found


def shares(looks: Mapping[str, Mapping[str, Look]]) -> dict[str, float]:
    """Result name to the share of its lookers who call it right."""
    names = dict.fromkeys(name for rows in looks.values() for name in rows)
    votes = {name: [rows[name].right for rows in looks.values() if name in rows] for name in names}
    return {name: sum(given) / len(given) for name, given in votes.items()}


def right(looks: Mapping[str, Mapping[str, Look]]) -> dict[str, bool]:
    """Result name to whether most lookers call it right; a tie is not right."""
    return {name: share > 0.5 for name, share in shares(looks).items()}


def main() -> None:
    """Write a looker's verdicts."""
    parser = argparse.ArgumentParser(description="Keep a looker's verdicts.")
    parser.add_argument("answers", type=Path)
    parser.add_argument("key", type=Path, help="<set>.key.json of the sheets")
    parser.add_argument("--set", choices=SETS, required=True)
    parser.add_argument("--looker", required=True, help="a name for the file")
    given = parser.parse_args()
    looks = named(json.loads(given.answers.read_bytes()), json.loads(given.key.read_bytes()))
    lines = b",\n".join(canonical_json(look.model_dump(mode="json")) for look in looks)
    write_atomically(FOLDER / f"{given.set}-{given.looker}.json", b"[\n%s\n]\n" % lines)
    share = sum(look.right for look in looks) / len(looks)
    print(f"{len(looks)} verdicts, {share:.0%} right")


if __name__ == "__main__":
    main()
