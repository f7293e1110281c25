"""Measure what more pairs teach: the compact network on growing subsets.

`python -m applications.studies.scaling --pairs data/package --out scaling.json`

Subsets are nested and drawn by photo, for each seed anew. Every subset is trained twice: for the
same number of steps, and for the same number of epochs as the largest one.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from applications.commands import run_command
from applications.studies.command import (
    add_arguments,
    prepare,
    read_crops,
    read_recipe,
    read_sources,
    write_study,
)
from applications.studies.plot import draw_scaling
from applications.studies.runs import Outcome, Recipe, Run
from applications.studies.subsets import Entry, order_by_photo
from applications.studies.tables import COLUMNS, make_cells, print_table
from applications.training.compact.batches import CropParams
from stages.engine.files import write_atomically
from stages.engine.workspace import FactoryError

STEPS, EPOCHS = "same number of steps", "same number of epochs"
SMALLEST = 64


def list_sizes(count: int, smallest: int = SMALLEST) -> list[int]:
    """Return the sizes of the subsets: doubled from the smallest on, and all pairs if they are at
    least a quarter more than the last.

    Raises:
        FactoryError: there are fewer pairs than two sizes need.
    """
    if count < 2 * smallest:
        raise FactoryError(
            f"{count} training pairs are too few for two sizes: at least {2 * smallest} are "
            "needed, or give --sizes"
        )
    sizes = [smallest]
    while 2 * sizes[-1] <= count:
        sizes.append(2 * sizes[-1])
    return [*sizes, count] if count >= 1.25 * sizes[-1] else sizes


def count_steps(size: int, largest: int, steps: int) -> int:
    """Return the steps that give a subset as many epochs as `steps` give the largest one."""
    return max(1, round(steps * size / largest))


def list_runs(
    train: Sequence[Entry], sizes: Sequence[int], seeds: int, recipe: Recipe, crops: CropParams
) -> Iterator[tuple[Run, tuple[str, ...]]]:
    """Yield the runs with the kinds that they belong to; the largest subset belongs to both.

    The seeds of one size follow each other only after all sizes of the seed before: a study that
    is stopped has whole curves.
    """
    for seed in range(seeds):
        order = order_by_photo(train, seed)
        for size in sizes:
            pairs = tuple(entry.pair for entry in order[:size])
            few = count_steps(size, sizes[-1], recipe.steps)
            by_kind = {STEPS: recipe.steps, EPOCHS: few}
            for steps in sorted(set(by_kind.values()), reverse=True):
                kinds = tuple(kind for kind, wanted in by_kind.items() if wanted == steps)
                name = f"pairs{size}-steps{steps}-seed{seed}"
                yield Run(name=name, pairs=pairs, seed=seed, steps=steps, crops=crops), kinds


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=150, test_pairs=160)
    parser.add_argument("--sizes", type=int, nargs="*", help="numbers of pairs")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plot", type=Path, help="SVG file, default: beside --out")
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    recipe, sources = read_recipe(args), read_sources(args)
    prepared = prepare(sources, args.runs or args.out.with_suffix(".runs"))
    train = prepared.subsets.train
    sizes = sorted(set(args.sizes or list_sizes(len(train))))
    if not 1 <= sizes[0] <= sizes[-1] <= len(train):
        raise FactoryError(f"--sizes must be between 1 and {len(train)}, the training pairs")
    crops = read_crops(args)
    found: dict[tuple[str, int], list[Outcome]] = defaultdict(list)
    outcomes: list[Outcome] = []
    for run, kinds in list_runs(train, sizes, args.seeds, recipe, crops):
        outcome = prepared.bench.execute(run, recipe)
        outcomes.append(outcome)
        for kind in kinds:
            found[kind, outcome.pairs].append(outcome)
        curves = [
            {"kind": kind, "pairs": pairs, "runs": [each.name for each in runs]}
            for (kind, pairs), runs in sorted(found.items())
        ]
        write_study(args.out, "scaling", prepared, recipe, outcomes, curves=curves)
    for kind in (STEPS, EPOCHS):
        _print(kind, found, sizes)
    svg = draw_scaling(found)
    write_atomically(args.plot or args.out.with_suffix(".svg"), svg.encode())


def _print(kind: str, found: dict[tuple[str, int], list[Outcome]], sizes: Sequence[int]) -> None:
    rows = []
    for size in sizes:
        runs = found[kind, size]
        photos = sorted({run.photos for run in runs})
        counts = [str(size), "-".join(map(str, {photos[0]: 0, photos[-1]: 0})), str(runs[0].steps)]
        rows.append([*counts, *make_cells(runs, COLUMNS)])
    print_table(kind, ["pairs", "photos", "steps", *COLUMNS], rows)


if __name__ == "__main__":
    main()
