"""Compare the outputs of two builds member by member, after a change that must not change them.

    python -m benchmarks.same_outputs OTHER_CHECKOUT [CHECKOUT]

For every stage and kind of member (``artifact.png``, ``mask.png``, ``json`` ...): how many members
are the same bytes in both builds, how many differ, and how many only one build has. For documents
the fields that differ are named; revisions of back ends, the digest of the params and messages may
differ where only code moved. Ends with exit code 1 where a picture, a mask or a text differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from stages import STAGES
from stages.engine.storage.shard import read_shard

NO_CONTENT = frozenset(
    {
        "detector",
        "author",
        "judge",
        "prompts",
        "revision",
        "params_sha256",
        "code_sha256",
        "message",
    }
)
"""Fields of documents that name code or params, or are messages to the reader."""


@dataclass
class Comparison:
    """The members of one kind in both builds."""

    same: int = 0
    different: int = 0
    missing: int = 0
    """Members that only one build has."""
    fields: set[str] = field(default_factory=set)
    """Fields of documents that differ, as dotted paths without indices."""

    @property
    def equal(self) -> bool:
        """Whether nothing differs but fields in `NO_CONTENT`."""
        named = {name.rpartition(".")[2] for name in self.fields}
        only_names = bool(self.fields) and named <= NO_CONTENT
        return not self.missing and (not self.different or only_names)


def read_members(folder: Path) -> dict[str, bytes]:
    """Read all members of a stage's shards, name to bytes."""
    found: dict[str, bytes] = {}
    for shard in sorted(folder.glob("*.tar")):
        with shard.open("rb") as file:
            found |= read_shard(file)
    return found


def differing_fields(a: object, b: object, path: str = "") -> Iterator[str]:
    """Yield the dotted paths of JSON values that differ."""
    if isinstance(a, dict) and isinstance(b, dict):
        for key in a.keys() | b.keys():
            yield from differing_fields(a.get(key), b.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for one, other in zip(a, b, strict=True):
            yield from differing_fields(one, other, path)
    elif a != b:
        yield path


def compare(a: Path, b: Path) -> dict[str, Comparison]:
    """Compare two output folders of one stage: kind of member to counts."""
    one, other = read_members(a), read_members(b)
    found: dict[str, Comparison] = {}
    for name in sorted(one.keys() | other.keys()):
        kind = ".".join(name.split(".")[-2:]) if name.endswith(".png") else name.split(".")[-1]
        counts = found.setdefault(kind, Comparison())
        if name not in one or name not in other:
            counts.missing += 1
        elif one[name] == other[name]:
            counts.same += 1
        else:
            counts.different += 1
            if kind == "json":
                first, second = (json.loads(data) for data in (one[name], other[name]))
                check_same_version(first, second, name)
                counts.fields.update(differing_fields(first, second))
    return found


def check_same_version(first: dict[str, object], second: dict[str, object], name: str) -> None:
    """Check that two documents have the same schema version, if they have any.

    Raises:
        SystemExit: they have not.
    """
    versions = [document.get("schema_version") for document in (first, second)]
    if versions[0] != versions[1]:
        found = " and ".join(f"{version}" for version in versions)
        sys.exit(f"{name} has the schema versions {found}: build the older checkout again")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare the outputs of two builds.")
    parser.add_argument("other", type=Path, help="a built checkout")
    parser.add_argument("checkout", type=Path, nargs="?", default=Path(), help="default: this one")
    given = parser.parse_args()
    table = Table(title=f"{given.other} beside {given.checkout.resolve()}")
    for column in ("stage", "member", "same", "different", "in one only", "fields that differ"):
        table.add_column(column)
    equal = True
    for stage in STAGES:
        folders = (given.other / "data" / stage, given.checkout / "data" / stage)
        for kind, counts in compare(*folders).items():
            equal &= counts.equal
            numbers = map(str, (counts.same, counts.different, counts.missing))
            table.add_row(stage, kind, *numbers, ", ".join(sorted(counts.fields)))
    Console().print(table)
    sys.exit(0 if equal else "the outputs differ")


if __name__ == "__main__":
    main()
