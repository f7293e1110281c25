"""Fit the compact judge to review files, and compare it with the present one on held-out flaws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.metrics import log_loss, roc_auc_score

from flows.reviews.agreement import ALL, Share
from flows.reviews.judged import JudgedFlaw, Marks
from stages.catalogue import load_params
from stages.engine.files import canonical_json, sha256
from stages.engine.stage import BaseParams
from stages.engine.workspace import FactoryError, Workspace
from stages.models import registry
from stages.models.judge.features import calibration
from stages.models.judge.features.calibration import Labelled, Probabilities, Scored, ScoreFile
from stages.models.judge.features.logistic import Model
from stages.models.judge.features.params import FeatureThresholds
from stages.tools import TOOLS

MAX_BYTES = 256 * 2**20
"""Maximum size of a file of scores."""
_RECIPE = ("invert", "inject")
"""Sections of params.yaml that the calibrated pictures depend on."""


@dataclass(frozen=True)
class Source:
    """Scored flaws and what made and measured them."""

    digests: Mapping[str, str]
    """Digests of models and params."""
    rows: Sequence[Scored]


def read_scores(path: Path) -> Source:
    """Read a file of scores (`benchmarks.judging.scores`).

    Raises:
        FactoryError: it cannot be read, is too large or not valid.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise FactoryError(f"{path}: {size:,} bytes; scores have at most {MAX_BYTES:,}")
        found = ScoreFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise FactoryError(f"{path}: {error.strerror}") from error
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, problem["loc"])) or "file"
        raise FactoryError(f"{path}: not a file of scores: {place}: {problem['msg']}") from error
    return Source(found.digests, found.rows)


def describe_build(workspace: Workspace, flaws: Sequence[JudgedFlaw]) -> Source:
    """Return the build's flaws as scored ones, with the digests of its models and params.

    Raises:
        FactoryError: params.yaml is not valid, or weights are missing.
    """
    from stages.models.judge.features.texture import TokenFeatures
    from stages.models.metric.lpips import AlexLpips

    params = load_params(workspace.root)
    base = params["base"]
    assert isinstance(base, BaseParams)  # noqa: S101
    recipe = [params[name].model_dump(mode="json", exclude={"gate"}) for name in _RECIPE]
    digests = {
        "flow": registry.revision("flow", base),
        "efficientnet": TokenFeatures.revision(),
        "lpips": AlexLpips.revision(),
        "params": sha256(canonical_json(recipe)),
    }
    rows = [
        Scored(name=f.name, tool=f.tool, sha256=f.pixels_sha256, scores=dict(f.scores))
        for f in flaws
    ]
    return Source(digests, rows)


@dataclass(frozen=True)
class Training:
    """The flaws to fit to."""

    labelled: Labelled
    provenance: Mapping[str, str | int | float]
    unscored: int
    """Marked flaws that bounds rejected, so that the judge did not measure them."""
    unknown: int
    """Marked flaws that no source has scores of."""


def collect_training(marks: Marks, sources: Sequence[Source]) -> Training:
    """Join marks and scores by the digest of the flaw's pixels; the first source that has a flaw
    counts."""
    opinions = marks.opinions
    rows: dict[str, Scored] = {}
    used: dict[str, list[str]] = {}
    unscored = set()
    for source in sources:
        for row in source.rows:
            if row.sha256 not in opinions or row.sha256 in rows:
                continue
            if not row.scores.keys() >= set(calibration.MEASURES):
                unscored.add(row.sha256)
                continue
            rows[row.sha256] = row
            for name, value in source.digests.items():
                if value not in used.setdefault(name, []):
                    used[name].append(value)
    unscored -= rows.keys()
    right = np.array([opinions[digest].share for digest in rows], dtype=np.float64)
    labelled = Labelled(list(rows.values()), right)
    accepted = {
        reviewer: sorted(
            row.name for digest, row in rows.items() if reviewer in opinions[digest].accepted_by
        )
        for reviewer in sorted({file.reviewer for file in marks.files.values()})
    }
    provenance: dict[str, str | int | float] = {
        "results": len(rows),
        "right": float(right.sum()),
        "lookers": len(accepted),
        "penalty": calibration.PENALTY,
        "verdicts": sha256(canonical_json(accepted))[:16],
        **{name: ",".join(values) for name, values in used.items()},
    }
    unknown = len(opinions) - len(rows) - len(unscored)
    return Training(labelled, provenance, len(unscored), unknown)


@dataclass(frozen=True)
class Figures:
    """How well probabilities separate right from wrong flaws."""

    log_loss: float
    auc: float
    precision: Mapping[str, Share]
    """By tool, and for all, at the threshold."""
    recall: Mapping[str, Share]


@dataclass(frozen=True)
class Fit:
    """A fitted model beside the present one."""

    model: Model
    threshold: float
    """Proposed minimum probability."""
    at: float
    """Present threshold, at which precision and recall are counted."""
    before: Figures
    """Of the present model."""
    after: Figures
    """Of models that were fitted to other photos (cross-validated)."""
    proposed: Figures
    """The same at the proposed threshold."""
    seen: bool
    """Whether the present model was fitted to the same marks, so that `before` is optimistic."""

    @property
    def is_worse(self) -> bool:
        """Whether the fitted model separates flaws of other photos no better than the present one,
        or no better than chance."""
        return self.after.auc <= max(self.before.auc, 0.5)


def fit(training: Training, present: Model, thresholds: FeatureThresholds) -> Fit:
    """Fit the model to marks.

    Raises:
        FactoryError: there are too few marks, or nearly all of them say the same.
    """
    found = training.labelled
    tools = [tool for tool in TOOLS if tool in present.tools]
    if shortages := calibration.find_shortages(found, tools):
        others = f"; {training.unscored} marked flaws have no measures" * bool(training.unscored)
        raise FactoryError(
            f"too few marks to fit the judge to ({'; '.join(shortages)}{others}): mark more flaws, "
            "or add files with --scores and their reviews"
        )
    guess = calibration.cross_validate(found)
    threshold = calibration.choose_threshold(guess, found.majority.astype(np.float64))
    return Fit(
        model=calibration.round_model(found.fit(), training.provenance),
        threshold=threshold,
        at=thresholds.probability,
        before=_measure(found, found.predict(present), thresholds.probability),
        after=_measure(found, guess, thresholds.probability),
        proposed=_measure(found, guess, threshold),
        seen=present.provenance.get("verdicts") == training.provenance["verdicts"],
    )


def _measure(found: Labelled, guess: Probabilities, threshold: float) -> Figures:
    right, kept = found.majority, guess >= threshold
    of_tool: dict[str, NDArray[np.bool_]] = {
        tool: np.array([row.tool == tool for row in found.rows]) for tool in TOOLS
    }
    of_tool[ALL] = np.ones(len(right), dtype=bool)
    shown = {tool: part for tool, part in of_tool.items() if part.any()}
    both = right & kept
    # The log loss of a share of reviewers is that of one looker who accepts, and one who rejects,
    # weighted by their shares.
    loss = log_loss(
        np.repeat([1, 0], len(guess)),
        np.tile(guess, 2),
        sample_weight=np.concatenate([found.right, 1 - found.right]),
        labels=[0, 1],
    )
    return Figures(
        log_loss=float(loss),
        auc=float(roc_auc_score(right, guess)),
        precision={t: Share(int(both[p].sum()), int(kept[p].sum())) for t, p in shown.items()},
        recall={t: Share(int(both[p].sum()), int(right[p].sum())) for t, p in shown.items()},
    )
