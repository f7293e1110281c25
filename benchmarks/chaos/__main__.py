"""Kill builds with SIGKILL at random moments, and check what the next build makes of it.

    python -m benchmarks.chaos [--kills 30] [--compact 3] [--seed 0] [--json FILE]

By turns the build's own process, a stage's and a worker's is killed, with null models
(`benchmarks.chaos.nulls`) except for the last kills, which use the compact profile. Each kill
strikes a copy of a finished build that lacks what one part of it made: a stage, or the scan. Part
and moment are drawn by lot, the part by its share of the build's time. The next build has to end
with the bytes of the uninterrupted one, without a temporary file or lock that is not there too, and
with at most one photo a worker computed twice. No child may be alive 5 s after the killed build has
ended. Exits with 1 if a kill had another outcome. When interrupted, prints what it has.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.chaos.checkout import ROOT, WORKERS, Models, make_checkout
from benchmarks.chaos.reference import Reference, build_reference
from benchmarks.chaos.trial import TARGETS, Outcome, draw, run
from benchmarks.meter import read_cpu_model
from benchmarks.stopping import UntilStopped

_DRAWS = 5
"""Maximum number of draws for a kill whose target had ended before the moment."""
_SAMPLES = ROOT / "samples" / "photos"


def prepare(models: Models, folder: Path) -> Reference:
    """Build the reference: eight small photos with null models, two photos with compact ones."""
    if models == "null":
        photos, side = sorted((_SAMPLES / "plasma").glob("*.png"))[:8], 192
    else:
        photos, side = (
            [_SAMPLES / "scikit-image" / f"{n}.png" for n in ("astronaut", "coffee")],
            512,
        )
    return build_reference(make_checkout(folder / models, models, photos, side))


def measure(kills: int, compact: int, seed: int, folder: Path) -> Iterator[Outcome]:
    """Yield the outcome of each kill."""
    references: dict[Models, Reference] = {}
    for number in range(kills):
        models: Models = "compact" if number >= kills - compact else "null"
        if models not in references:
            print(f"building the reference, {models} models", file=sys.stderr, flush=True)
            references[models] = prepare(models, folder)
        outcome = None
        for attempt in range(_DRAWS):
            kill = draw(number + attempt * kills * len(TARGETS), models, seed, references[models])
            # A machine that is less busy than during the reference is done sooner.
            kill = replace(kill, share=kill.share / 2**attempt)
            outcome = run(kill, references[models], folder / "trial")
            if outcome.hit:
                break
        assert outcome is not None  # noqa: S101
        print(describe(number, outcome), file=sys.stderr, flush=True)
        yield outcome


def describe(number: int, outcome: Outcome) -> str:
    """Describe an outcome in a line, and what was printed if it is bad."""
    kill = outcome.kill
    line = (
        f"{number + 1}: {kill.models} {kill.target} in {kill.part} at {kill.share:.2f}: "
        f"hit {outcome.hit}, differing {len(outcome.differing)}, repeated {outcome.repeated}, "
        f"children {outcome.children} ({outcome.gone_after:.1f} s), left {outcome.left}"
    )
    return line if outcome.passed(WORKERS) else f"{line}\n{outcome.differing}\n{outcome.output}"


def make_table(outcomes: list[Outcome]) -> Table:
    """Make a row per kind of models and target."""
    table = Table(title=f"{read_cpu_model()}, {os.cpu_count()} cores, {WORKERS} workers")
    names = ("models", "killed", "kills", "same bytes", "photos twice, at most", "alive after 5 s",
             "last child gone after", "files left", "passed")  # fmt: skip
    for name in names:
        table.add_column(name, justify="left" if name in names[:2] else "right")
    rows: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in outcomes:
        rows.setdefault((outcome.kill.models, outcome.kill.target), []).append(outcome)
    for (models, target), found in rows.items():
        table.add_row(
            models, target, str(len(found)), str(sum(not o.differing for o in found)),
            str(max(o.repeated for o in found)), str(sum(o.children for o in found)),
            f"{max(o.gone_after for o in found):.1f} s", str(sum(len(o.left) for o in found)),
            f"{sum(o.passed(WORKERS) for o in found)}/{len(found)}",
        )  # fmt: skip
    return table


def _to_json(outcome: Outcome) -> dict[str, Any]:
    values = asdict(outcome)
    del values["output"]
    return values | {"passed": outcome.passed(WORKERS)}


def main() -> None:
    """Print the table; exit with 1 if a kill had a bad outcome."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--compact", type=int, default=3, help="of the kills, with compact models")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        rows = UntilStopped(measure(given.kills, given.compact, given.seed, Path(folder)))
        outcomes = list(rows)
    Console(width=None if sys.stdout.isatty() else 140).print(make_table(outcomes))
    if given.json:
        machine = {"cpu": read_cpu_model(), "cores": os.cpu_count(), "workers": WORKERS,
                   "system": platform.platform(), "python": platform.python_version()}  # fmt: skip
        content = {"seed": given.seed, "machine": machine, "kills": [*map(_to_json, outcomes)]}
        given.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    rows.exit_if_stopped()
    sys.exit(any(not outcome.passed(WORKERS) for outcome in outcomes))


if __name__ == "__main__":
    main()
