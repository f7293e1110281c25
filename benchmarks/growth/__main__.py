"""Add photos to a data set, then withdraw one: what is computed, rewritten and stored.

    python -m benchmarks.growth [--photos 500] [--added 5] [--photos-per-shard N] [--json FILE]

Photos are coloured tiles and the models null models (`benchmarks.chaos.nulls`), but `map.quotas`
are those of params.yaml. All builds run in this process. After the withdrawal, `flawfactory verify`
has to find the outputs free of the photo, and after `flawfactory gc --purge` no file of the
checkout may contain its name, its bytes, a picture made of it or a digest of a flaw's pixels.
Exits with 1 if one does. When interrupted, prints what it has.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from typer.testing import CliRunner

from benchmarks.growth.changes import StageChange, compare
from benchmarks.growth.evaluations import METHODS
from benchmarks.growth.factory import Build, Factory
from benchmarks.growth.traces import DIGEST, KEY, find_needles, records_withdrawal, search
from benchmarks.meter import read_cpu_model
from benchmarks.stopping import UntilStopped
from flows.cli import app
from stages.engine.storage.source_list import Source

FIRST, GROWN, WITHDRAWN, PURGED = "first build", "with more photos", "without one", "after a purge"
Step = tuple[str, Build]


def run_steps(factory: Factory, photos: int, added: int, left: list[str]) -> Iterator[Step]:
    """Yield each build with its name; append to `left` what should be gone and is not."""
    factory.add_photos(photos)
    yield FIRST, factory.build()
    factory.add_photos(added)
    yield GROWN, factory.build()
    photo = factory.entries()[photos // 2]
    file = factory.photos / photo.path
    needles = find_needles(factory.workspace, photo, file)
    file.unlink()
    factory.withdraw(photo.key)
    yield WITHDRAWN, factory.build()
    left += check("verify")
    left += check("gc", "--purge", photo.key, "--yes")
    yield PURGED, factory.build()
    left += check("verify")
    left += find_traces(factory, needles, photo)


def check(*words: str) -> list[str]:
    """Run a command of flawfactory; return what it said if it failed."""
    done = CliRunner().invoke(app, words)
    return [f"flawfactory {' '.join(words)}: {done.output}"] if done.exit_code else []


def find_traces(factory: Factory, needles: dict[str, bytes], photo: Source) -> Iterator[str]:
    """Yield what is still in a file of the checkout, apart from key and digest where they record
    the withdrawal."""
    for name, paths in search([factory.made.root], needles).items():
        for path in paths:
            if name in (DIGEST, KEY) and records_withdrawal(path, photo.key):
                continue
            yield f"{name} of {photo.file_name} in {path.relative_to(factory.made.root)}"


def tabulate_evaluations(builds: dict[str, Build]) -> Table:
    """Make a table with a row for each role."""
    first = builds[FIRST].evaluations
    table = Table("back end", *builds, title="evaluations")
    for name in METHODS:
        counts = [build.evaluations[name] for build in builds.values()]
        cells = [f"{n:,}" for n in counts[:1]]
        cells += [f"{n:,} ({_share(n, first[name])})" for n in counts[1:]]
        table.add_row(name, *cells)
    return table


def tabulate_changes(title: str, changes: Sequence[StageChange]) -> Table:
    """Make a table with a row for each stage."""
    table = Table(title=title)
    for name in ("stage", "photos computed", "shards: same", "rewritten", "new", "gone",
                 "shards stored", "all stored", "of the output"):  # fmt: skip
        table.add_column(name, justify="left" if name == "stage" else "right")
    for c in changes:
        counts = (c.same, len(c.rewritten), len(c.new), len(c.lost))
        table.add_row(
            c.stage, f"{c.computed:,} ({_share(c.computed, c.first)})", *map(str, counts),
            decimal(c.stored_shards), decimal(c.stored), _share(c.stored, c.bytes),
        )  # fmt: skip
    stored, size = sum(c.stored for c in changes), sum(c.bytes for c in changes)
    shards = sum(c.stored_shards for c in changes)
    table.add_section()
    table.add_row("all", "", "", "", "", "", decimal(shards), decimal(stored), _share(stored, size))
    return table


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def report(builds: dict[str, Build]) -> dict[str, list[StageChange]]:
    """Compare each build with the one before."""
    names = list(builds)
    return {
        later: compare(builds[before], builds[later], builds[FIRST])
        for before, later in pairwise(names)
    }


def main() -> None:
    """Print the tables; exit with 1 if something of the withdrawn photo is left."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=500)
    parser.add_argument("--added", type=int, help="default: 1 %% of the photos")
    parser.add_argument("--photos-per-shard", type=int, help="default: those of params.yaml")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    added = given.added if given.added is not None else max(1, given.photos // 100)
    left: list[str] = []
    out = given.json.resolve() if given.json else None
    with tempfile.TemporaryDirectory(prefix="growth-") as folder:
        factory = Factory(Path(folder) / "factory", given.photos_per_shard)
        with factory.working():
            rows = UntilStopped(run_steps(factory, given.photos, added, left))
            builds: dict[str, Build] = dict(rows)
    changes = report(builds)
    console = Console(width=None if sys.stdout.isatty() else 140)
    machine = f"{read_cpu_model()}, {os.cpu_count()} cores"
    console.print(f"{given.photos} photos, {added} more, then one withdrawn; {machine}")
    if builds:
        console.print(tabulate_evaluations(builds))
    for title, found in changes.items():
        console.print(tabulate_changes(title, found))
    for line in left:
        console.print(f"left: {line}", markup=False, soft_wrap=True)
    if not left and PURGED in builds:
        console.print("nothing of the withdrawn photo is left but its digest in the source list")
    if out:
        content: dict[str, Any] = {
            "photos": given.photos, "added": added, "photos_per_shard": given.photos_per_shard,
            "machine": machine, "left": left,
            "evaluations": {name: build.evaluations for name, build in builds.items()},
            "changes": {name: [asdict(c) for c in found] for name, found in changes.items()},
        }  # fmt: skip
        out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    rows.exit_if_stopped()
    sys.exit(bool(left))


if __name__ == "__main__":
    main()
