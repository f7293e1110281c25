"""Train and measure one network; a finished run is kept and not run again."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from applications.evaluation.example import Example
from applications.studies.measuring import Figures, measure
from applications.training.compact.batches import CropParams
from applications.training.compact.export import load_trained
from applications.training.compact.pairs import Pair
from applications.training.compact.train import CHECKPOINT, InspectorParams, train
from stages.engine.files import write_atomically
from stages.records.images import Image
from training.loop import Budget
from training.runtime import Worker

log = logging.getLogger("studies")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How every network of a study is trained and measured."""

    steps: int
    batch: int = 4
    """Triplets a step."""
    short_side: int = 320
    """Test pictures with a longer short side are scaled down to it."""
    resamples: int = 1000
    """Bootstrap resamples of an interval."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training."""

    name: str
    """Unique in the study; a file name."""
    pairs: tuple[str, ...]
    """Keys of the pairs to train on, at least one."""
    seed: int
    steps: int
    crops: CropParams
    with_decoded: bool = True
    """Whether `Bench.decoded` is used."""


@dataclass(frozen=True)
class Outcome:
    """A finished run."""

    name: str
    seed: int
    steps: int
    pairs: int
    photos: int
    cpu_seconds: float
    """Of training and measuring."""
    figures: Figures
    digest: str = ""
    """Of everything that the outcome depends on."""


_OUTCOME = TypeAdapter(Outcome)


@dataclass(frozen=True)
class Bench:
    """The pictures of a study, decoded once for training, and where runs are kept."""

    pairs: Mapping[str, Pair]
    """By key."""
    decoded: Mapping[str, Image]
    """Photos that the autoencoder has decoded, by photo; shown as clean."""
    validation: Sequence[Example]
    test: Sequence[Example]
    data_sha256: str
    """Digest of the data sets and of what was chosen from them."""
    folder: Path
    others: Mapping[str, Sequence[Example]] = field(default_factory=dict)

    def execute(self, run: Run, recipe: Recipe) -> Outcome:
        """Return the outcome of a run, training only if it is not there yet.

        Raises:
            FactoryError: a picture cannot be read.
        """
        digest = _digest(self.data_sha256, asdict(run), asdict(recipe))
        kept = self.folder / f"{run.name}.json"
        found = _read_outcome(kept)
        if found is not None and found.digest == digest:
            log.info("%s: done before", run.name)
            return found
        outcome = self._execute(run, recipe, digest)
        write_atomically(kept, _OUTCOME.dump_json(outcome, indent=1) + b"\n")
        return outcome

    def _execute(self, run: Run, recipe: Recipe, digest: str) -> Outcome:
        started = time.process_time()
        pairs = [self.pairs[key] for key in run.pairs]
        params = InspectorParams(seed=run.seed, batch=recipe.batch, crops=run.crops)
        decoded = self.decoded if run.with_decoded else {}
        work = self.folder / f"{run.name}-{digest[:12]}"
        work.mkdir(parents=True, exist_ok=True)
        checkpoint = train(pairs, decoded, work, params, Worker(), budget=Budget(steps=run.steps))
        figures = measure(
            load_trained(checkpoint),
            recipe.short_side,
            self.validation,
            self.test,
            self.others,
            recipe.resamples,
        )
        (work / CHECKPOINT).unlink()
        work.rmdir()
        return Outcome(
            name=run.name,
            seed=run.seed,
            steps=run.steps,
            pairs=len(pairs),
            photos=len({pair.photo for pair in pairs}),
            cpu_seconds=round(time.process_time() - started, 1),
            figures=figures,
            digest=digest,
        )


def to_json(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as JSON values."""
    return _OUTCOME.dump_python(outcome, mode="json")


def _read_outcome(path: Path) -> Outcome | None:
    try:
        return _OUTCOME.validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def _digest(*values: Any) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
