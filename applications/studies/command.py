"""What the commands of the studies share: options, data, and how a study is written."""

from __future__ import annotations

import argparse
import logging
import os
import platform
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import applications
from applications.evaluation.example import Example
from applications.evaluation.readers import shards
from applications.evaluation.readers.form import Request
from applications.evaluation.sets import open_set
from applications.studies.runs import Bench, Outcome, Recipe, to_json
from applications.studies.subsets import (
    Entry,
    Subsets,
    divide,
    list_entries,
    order_across_photos,
    read_names,
)
from applications.training.compact.batches import CropParams
from applications.training.compact.pairs import load_pairs
from stages.engine.files import canonical_json, pretty_json, sha256, sha256_file, write_atomically
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError
from stages.records.images import Image

log = logging.getLogger("studies")

MIN_CROP = 64
"""Minimum side of a crop in pixels."""
_CODE = ("inspectors/compact/network", "training/compact/losses", "training/compact/batches")
"""Modules that decide what a network learns: runs of other versions of them are not reused."""
_PURPOSES = ("train", "validation", "test")
_MINIMA = {
    "steps": 1,
    "batch": 1,
    "short_side": 32,
    "validation_pairs": 1,
    "test_pairs": 0,
    "resamples": 1,
}


@dataclass(frozen=True)
class Sources:
    """Which data a study takes."""

    pairs: Path
    """Data set to train on."""
    test: Path
    """Data set to measure on; may be the same."""
    test_photos: frozenset[str] = frozenset()
    """Photos to measure on, by key or file name; empty: the splits are taken as they are."""
    decoded: Path | None = None
    """File with photos that the autoencoder has decoded."""
    also: tuple[Path, ...] = ()
    """Other sets to measure on."""
    validation_pairs: int = 40
    """Maximum number of pairs that thresholds are chosen on."""
    test_pairs: int = 0
    """Maximum number of pairs to measure on; 0 = all."""


@dataclass(frozen=True)
class Prepared:
    """A bench with what was chosen for it."""

    bench: Bench
    subsets: Subsets
    data: dict[str, Any]
    """Digests and counts, for the report."""


def prepare(sources: Sources, folder: Path) -> Prepared:
    """Choose pairs and read them.

    Args:
        sources: the data.
        folder: where runs are kept.

    Raises:
        FactoryError: a data set is missing, damaged or empty, or one purpose is left without pairs.
    """
    pairs = list_entries(sources.pairs)
    same = sources.test.resolve() == sources.pairs.resolve()
    test = pairs if same else list_entries(sources.test)
    subsets = divide(pairs, test, sources.test_photos, sources.validation_pairs)
    # As many photos as possible: pictures of one photo resemble one another.
    count = sources.test_pairs or None
    subsets = Subsets(
        subsets.train,
        tuple(order_across_photos(subsets.validation, 0)[: sources.validation_pairs]),
        tuple(order_across_photos(subsets.test, 0)[:count]),
    )
    data = _describe(sources, subsets)
    log.info(
        "trains on %d pairs of %d photos, chooses thresholds on %d of %d, measures on %d of %d",
        *(data[name][kind] for name in _PURPOSES for kind in ("pairs", "photos")),
    )
    loaded = load_pairs(sources.pairs, (), {entry.pair for entry in subsets.train})
    bench = Bench(
        pairs={pair.key: pair for pair in loaded},
        decoded=_read_decoded(sources.decoded),
        validation=_read_examples(sources.pairs, subsets.validation),
        test=_read_examples(sources.test, subsets.test),
        data_sha256=sha256(canonical_json(data)),
        folder=folder,
        others={path.name: open_set(path).examples for path in sources.also},
    )
    return Prepared(bench, subsets, data)


def _read_examples(folder: Path, entries: Sequence[Entry]) -> list[Example]:
    """Return artifact and control of each pair, and each photo once."""
    wanted = {f"{e.pair}-{role}" for e in entries for role in ("artifact", "control")}
    wanted |= {f"{entry.photo}-real" for entry in entries}
    found = shards.read(Request(folder))
    return [example for example in found.examples if example.key in wanted]


def _read_decoded(path: Path | None) -> dict[str, Image]:
    if path is None:
        return {}
    try:
        with np.load(path) as file:
            return {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile) as error:
        raise FactoryError(
            f"{path} holds no decoded photos: `python -m applications.training.compact.decoded` "
            "writes them"
        ) from error


def _describe(sources: Sources, subsets: Subsets) -> dict[str, Any]:
    chosen = {name: getattr(subsets, name) for name in _PURPOSES}
    code = Path(applications.__file__).parent
    return {
        "pairs_sha256": sha256_file(sources.pairs / MANIFEST),
        "test_sha256": sha256_file(sources.test / MANIFEST),
        "decoded_sha256": sha256_file(sources.decoded) if sources.decoded else "",
        "also": [path.name for path in sources.also],
        "code_sha256": {name: sha256_file(code / f"{name}.py") for name in _CODE},
        **{
            name: {
                "pairs": len(entries),
                "photos": len({entry.photo for entry in entries}),
                "pictures_sha256": sha256(
                    canonical_json([[entry.pair, entry.pictures_sha256] for entry in entries])
                ),
            }
            for name, entries in chosen.items()
        },
    }


def describe_machine() -> dict[str, Any]:
    """Return what decides about speed and last bits."""
    return {
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
    }


def write_study(
    path: Path,
    name: str,
    prepared: Prepared,
    recipe: Recipe,
    outcomes: Sequence[Outcome],
    **more: Any,
) -> None:
    """Write a study as JSON."""
    content = {
        "study": name,
        "machine": describe_machine(),
        "data": prepared.data,
        "recipe": vars(recipe),
        **more,
        "runs": [to_json(outcome) for outcome in outcomes],
    }
    write_atomically(path, pretty_json(content))


def add_arguments(parser: argparse.ArgumentParser, steps: int, test_pairs: int) -> None:
    """Add the options that all studies have."""
    add = parser.add_argument
    add("--pairs", type=Path, default=Path("data/package"), help="data set to train on")
    add("--test", type=Path, help="data set to measure on; default: that of --pairs")
    add(
        "--test-photos",
        type=Path,
        help="file with one photo a line, by key or file name: they are measured on, the others "
        "trained on; default: the split test, or all of a --test of other photos",
    )
    add("--decoded", type=Path, help="photos as the autoencoder decodes them")
    add("--also", type=Path, action="append", default=[], help="another set to measure on")
    add("--out", type=Path, required=True, help="JSON file of the result")
    add("--runs", type=Path, help="folder of finished runs; default: beside --out")
    add("--steps", type=int, default=steps)
    add("--batch", type=int, default=4, help="triplets a step")
    add(
        "--crops",
        type=int,
        nargs="+",
        default=list(CropParams().sizes),
        help="sides of training crops, multiples of 32",
    )
    add("--short-side", type=int, default=320, help="of test pictures, which are scaled down to it")
    add("--validation-pairs", type=int, default=40)
    add("--test-pairs", type=int, default=test_pairs, help="0 = all")
    add("--resamples", type=int, default=1000)


def read_sources(args: argparse.Namespace) -> Sources:
    """Return the data that the options choose.

    Raises:
        FactoryError: the file of test photos cannot be read.
    """
    return Sources(
        pairs=args.pairs,
        test=args.test or args.pairs,
        test_photos=read_names(args.test_photos),
        decoded=args.decoded,
        also=tuple(args.also),
        validation_pairs=args.validation_pairs,
        test_pairs=args.test_pairs,
    )


def read_recipe(args: argparse.Namespace) -> Recipe:
    """Return how the options want networks to be trained and measured.

    Raises:
        FactoryError: a number is out of bounds.
    """
    for name, minimum in _MINIMA.items():
        if getattr(args, name) < minimum:
            option = name.replace("_", "-")
            raise FactoryError(f"--{option} is {getattr(args, name)}, must be at least {minimum}")
    for side in args.crops:
        if side % 32 or side < MIN_CROP:
            raise FactoryError(f"--crops has {side}, must be multiples of 32 from {MIN_CROP} on")
    return Recipe(
        steps=args.steps,
        batch=args.batch,
        short_side=args.short_side,
        resamples=args.resamples,
    )


def read_crops(args: argparse.Namespace) -> CropParams:
    """Return how the options want crops to be drawn."""
    return CropParams(sizes=tuple(args.crops))
