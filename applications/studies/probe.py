"""Say what a version of the data set teaches: a short training of fixed steps and seed, as metrics.

`dvc repro applications/dvc.yaml` runs it on data/package, with section ``probe`` of
applications/params.yaml.
"""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from applications.commands import run_command
from applications.params import read_section
from applications.studies.command import MIN_CROP, Prepared, Sources, prepare
from applications.studies.runs import Outcome, Recipe, Run
from applications.studies.subsets import order_by_photo
from applications.studies.tables import COLUMNS, make_cells, print_table
from applications.training.compact.batches import CropParams
from stages.engine.files import pretty_json, write_atomically
from stages.engine.section import Section
from stages.engine.workspace import FactoryError

log = logging.getLogger("probe")

METRICS = Path("applications/metrics.json")
RUNS = Path("data/.probe")
"""Where an interrupted training is kept, to go on from."""
CropSide = Annotated[int, Field(ge=MIN_CROP, le=1024, multiple_of=32)]
FEW_PAIRS = 100
"""With fewer test pairs the intervals are wide, which is said."""


class ProbeParams(Section):
    """What the probe trains on and measures."""

    pairs: str = "data/package"
    """Data set to train on (its split ``train``)."""
    test: str = "data/package"
    """Data set to measure on (its split ``test``)."""
    seed: int = Field(default=0, ge=0)
    steps: int = Field(default=600, ge=1, le=1_000_000)
    batch: int = Field(default=4, ge=1, le=1024)
    """Triplets a step."""
    crops: list[CropSide] = Field(default=[192], min_length=1, max_length=16)
    """Sides of training crops, multiples of 32; each step draws one."""
    short_side: int = Field(default=320, ge=32, le=4096)
    """Test pictures with a longer short side are scaled down to it."""
    validation_pairs: int = Field(default=40, ge=1, le=1_000_000)
    """Maximum number of pairs that thresholds are chosen on."""
    test_pairs: int = Field(default=200, ge=1, le=1_000_000)
    """Maximum number of pairs to measure on."""
    min_test_pairs: int = Field(default=8, ge=1, le=1_000_000)
    """With fewer the probe refuses to run."""


def run_probe(params: ProbeParams, out: Path, runs: Path) -> Outcome:
    """Train, measure and write the metrics.

    Args:
        params: the probe's.
        out: file of the metrics.
        runs: folder for the training; it is removed.

    Raises:
        FactoryError: a data set is missing, damaged, empty, or has too few test pairs.
    """
    sources = Sources(
        pairs=Path(params.pairs),
        test=Path(params.test),
        validation_pairs=params.validation_pairs,
        test_pairs=params.test_pairs,
    )
    prepared = prepare(sources, runs)
    _check_test(prepared, params)
    recipe = Recipe(steps=params.steps, batch=params.batch, short_side=params.short_side)
    order = order_by_photo(prepared.subsets.train, params.seed)
    run = Run(
        name="probe",
        pairs=tuple(entry.pair for entry in order),
        seed=params.seed,
        steps=params.steps,
        crops=CropParams(sizes=tuple(params.crops)),
    )
    outcome = prepared.bench.execute(run, recipe)
    write_atomically(out, pretty_json(make_metrics(prepared, outcome)))
    shutil.rmtree(runs)
    return outcome


def _check_test(prepared: Prepared, params: ProbeParams) -> None:
    count = len(prepared.subsets.test)
    if count < params.min_test_pairs:
        raise FactoryError(
            f"{params.test}: {count} test pairs say nothing, at least {params.min_test_pairs} are "
            "needed (probe.min_test_pairs in applications/params.yaml): build more photos, or "
            "name another data set in probe.test"
        )
    if count < FEW_PAIRS:
        log.warning(
            "%d test pairs are few: read the intervals, and do not compare versions by them", count
        )


def make_metrics(prepared: Prepared, outcome: Outcome) -> dict[str, Any]:
    """Return the figures with their intervals, and what they were measured on.

    An undefined figure is left out. ``data`` is the digest of the manifest trained on, ``test``
    that of the test pictures: figures of two versions compare only if it is the same.
    """
    figures = outcome.figures.test
    found: dict[str, Any] = {
        "data": prepared.data["pairs_sha256"][:16],
        "pairs": outcome.pairs,
        "photos": outcome.photos,
        "test_pairs": len(prepared.subsets.test),
        "test": prepared.data["test"]["pictures_sha256"][:16],
    }
    for figure in COLUMNS.values():
        score = figures.get(figure)
        if score is None or score.value is None:
            continue
        values = {"value": score.value, "low": score.low, "high": score.high}
        name = figure.replace(":", "").replace(" ", "_")
        found[name] = {key: round(v, 4) for key, v in values.items() if v is not None}
    return found


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=METRICS, help="JSON file")
    parser.add_argument("--runs", type=Path, default=RUNS, help="folder for the training")
    parser.add_argument("--params", type=Path, help="default: applications/params.yaml")
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    outcome = run_probe(read_section(("probe",), ProbeParams, args.params), args.out, args.runs)
    cells = [str(outcome.pairs), str(outcome.photos), *make_cells([outcome], COLUMNS)]
    print_table("probe", ["pairs", "photos", *COLUMNS], [cells])


if __name__ == "__main__":
    main()
