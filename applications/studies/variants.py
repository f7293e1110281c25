"""Measure what each ingredient of the training does: one left out or changed at a time.

`python -m applications.studies.variants --pairs data/package --also SET --out variants.json`
"""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Iterator, Mapping, Sequence

from applications.commands import run_command
from applications.evaluation.scores import Scores
from applications.studies.command import (
    add_arguments,
    prepare,
    read_crops,
    read_recipe,
    read_sources,
    write_study,
)
from applications.studies.measuring import CONTRAST
from applications.studies.recipes import FULL, NO_DECODED, VARIANTS, Variant
from applications.studies.runs import Outcome, Recipe, Run
from applications.studies.subsets import Entry
from applications.studies.tables import COLUMNS, OF_OTHERS, make_cells, print_table
from applications.training.compact.batches import CropParams
from stages.engine.workspace import FactoryError

Outcomes = Mapping[str, Sequence[Outcome]]
"""Name of a variant to the outcomes of its seeds."""


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser, steps=300, test_pairs=0)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument(
        "--variants", nargs="*", default=list(VARIANTS), metavar="NAME", help=", ".join(VARIANTS)
    )
    args = parser.parse_args()
    run_command(lambda: _work(args))


def _work(args: argparse.Namespace) -> None:
    recipe, sources = read_recipe(args), read_sources(args)
    chosen = choose_variants(args.variants, bool(args.decoded))
    prepared = prepare(sources, args.runs or args.out.with_suffix(".runs"))
    found: dict[str, list[Outcome]] = {name: [] for name in chosen}
    crops = read_crops(args)
    for seed in range(args.seeds):
        for name, variant in chosen.items():
            run = make_run(name, variant, prepared.subsets.train, crops, recipe, seed)
            found[name].append(prepared.bench.execute(run, recipe))
            outcomes = [each for runs in found.values() for each in runs]
            write_study(
                args.out, "variants", prepared, recipe, outcomes,
                variants={name: variant.summary for name, variant in chosen.items()},
            )  # fmt: skip
    for title, head, rows in list_tables(found, list(prepared.bench.others)):
        print_table(title, head, rows)


def choose_variants(names: Sequence[str], with_decoded: bool) -> dict[str, Variant]:
    """Return the variants of these names; `NO_DECODED` only if there are decoded photos.

    Raises:
        FactoryError: there is no such variant.
    """
    if unknown := sorted(set(names) - set(VARIANTS)):
        raise FactoryError(f"no variant {', '.join(unknown)}: choose among {', '.join(VARIANTS)}")
    return {
        name: variant
        for name, variant in VARIANTS.items()
        if name in names and (with_decoded or name != NO_DECODED)
    }


def make_run(
    name: str,
    variant: Variant,
    train: Sequence[Entry],
    crops: CropParams,
    recipe: Recipe,
    seed: int,
) -> Run:
    """Return the training of a variant; `train` are all training pairs.

    Raises:
        FactoryError: no training pair is left.
    """
    pairs = tuple(entry.pair for entry in variant.select(train, seed))
    if not pairs:
        raise FactoryError(f"the variant {name} leaves no training pair: {variant.summary}")
    return Run(
        name=f"{name}-seed{seed}",
        pairs=pairs,
        seed=seed,
        steps=recipe.steps,
        crops=dataclasses.replace(crops, **variant.crops),
        with_decoded=variant.with_decoded,
    )


def list_tables(
    found: Outcomes, others: Sequence[str]
) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """Yield title, head and rows of the tables: the test, tools never seen, and other sets."""
    rows = [[name, str(runs[0].pairs), *make_cells(runs, COLUMNS)] for name, runs in found.items()]
    yield "test pictures", ["variant", "pairs", *COLUMNS], rows
    unseen = [name for name in found if VARIANTS[name].unseen]
    if unseen:
        yield "AUROC against the controls of a tool", *_compare_unseen(found, unseen)
    for other in others:

        def choose(outcome: Outcome, other: str = other) -> Scores:
            return dict(outcome.figures.other[other])

        rows = [[name, *make_cells(runs, OF_OTHERS, choose)] for name, runs in found.items()]
        yield other, ["variant", *OF_OTHERS], rows


def _compare_unseen(found: Outcomes, unseen: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    trained = [name for name in (FULL, "without-controls") if name in found]
    rows = []
    for name in unseen:
        tool = VARIANTS[name].unseen

        def choose(outcome: Outcome, tool: str = tool) -> Scores:
            return dict(outcome.figures.by_tool.get(tool, {}))

        cells = [make_cells(found[each], {"": CONTRAST}, choose)[0] for each in (name, *trained)]
        rows.append([tool, *cells])
    return ["tool", "never saw it", *trained], rows


if __name__ == "__main__":
    main()
