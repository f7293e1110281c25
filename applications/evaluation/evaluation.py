"""Evaluate inspectors on a set, with the baselines beside them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from applications.evaluation.example import Problem
from applications.evaluation.inspecting import Inspected, inspect_set
from applications.evaluation.metrics.texts import Embedder
from applications.evaluation.released.summary import ALL_FLAWED, summarise
from applications.evaluation.rows import Row
from applications.evaluation.scores import Scorer, Scores, Settings, score_by
from applications.evaluation.sets import OpenSet
from applications.evaluation.thresholds import choose
from applications.inspectors import BASELINES, load_inspector
from applications.protocols import Inspector, Thresholds
from stages.engine.workspace import FactoryError


@dataclass(frozen=True)
class Result:
    """The scores of one inspector."""

    thresholds: Thresholds
    chosen_on: str
    """The validation set that the thresholds were chosen on; empty: the inspector's own."""
    detection: Scores
    localisation: Scores
    texts: Scores
    """Empty if no flawed picture has a reference."""
    false_alarms: Mapping[str, Scores]
    """By the role of the clean pictures."""
    contrasts: Scores
    by: Mapping[str, Scores] = field(default_factory=dict)
    """Value of a fact to the scores of its flawed pictures."""
    failures: Mapping[str, int] = field(default_factory=dict)
    """Code of a failure to its count."""
    released: Mapping[str, float | None] = field(default_factory=dict)
    """The released evaluators' figures, if they are wanted."""


@dataclass(frozen=True)
class Evaluation:
    """The scores of all inspectors on one set."""

    set: OpenSet
    problems: Sequence[Problem]
    """What of the set could not be used, found while labels or pictures were read."""
    asked: Sequence[str]
    """Names of the inspectors that were asked for; the other baselines stand beside them."""
    rows: Mapping[str, Sequence[Row]]
    results: Mapping[str, Result]
    """Name of the inspector to its scores; the baselines come last."""
    fact: str = ""
    """What `Result.by` is by."""
    notes: Sequence[str] = ()
    """What a reader of the tables has to know."""


@dataclass(frozen=True)
class Plan:
    """What to evaluate, and how."""

    settings: Settings = field(default_factory=Settings)
    fact: str = ""
    """Report by this fact too; empty = none."""
    with_released: bool = False
    workers: int = 1


def _add_baselines(inspectors: Mapping[str, Inspector]) -> dict[str, Inspector]:
    """Return the inspectors and, after them, the baselines that are not among them."""
    missing = [name for name in BASELINES if name not in inspectors]
    return {**inspectors, **{name: load_inspector(name) for name in missing}}


def choose_thresholds(
    inspectors: Mapping[str, Inspector],
    validation: OpenSet,
    test: OpenSet,
    plan: Plan,
    report: Callable[[int], None] = lambda done: None,
) -> dict[str, Thresholds]:
    """Choose each inspector's thresholds on a validation set.

    Raises:
        FactoryError: the two sets share pictures or photos, no picture of the validation set can be
            read, or an inspector cannot go on.
    """
    require_disjoint(validation, test)
    found = inspect_set(validation.examples, inspectors, workers=plan.workers, report=report)
    _require_rows(found, validation)
    return {
        name: choose(found.rows[name], inspector.thresholds)
        for name, inspector in inspectors.items()
    }


def require_disjoint(validation: OpenSet, test: OpenSet) -> None:
    """Raise FactoryError if a threshold would be chosen on what is evaluated."""
    photos = [{e.photo for e in opened.examples} - {""} for opened in (validation, test)]
    keys = [{e.key for e in opened.examples} for opened in (validation, test)]
    same = validation.path.resolve() == test.path.resolve() and keys[0] & keys[1]
    if same or photos[0] & photos[1]:
        count = len(photos[0] & photos[1] or keys[0] & keys[1])
        raise FactoryError(
            f"{validation.describe()} and {test.describe()} share {count} pictures or photos: "
            "choose thresholds on others than those that are evaluated"
        )


def evaluate(
    opened: OpenSet,
    asked: Mapping[str, Inspector],
    plan: Plan,
    chosen: tuple[str, Mapping[str, Thresholds]] | None = None,
    embedder: Embedder | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Evaluation:
    """Inspect a set and score the findings.

    Args:
        opened: the set.
        asked: the inspectors by name; the baselines are added.
        plan: what to measure.
        chosen: where thresholds were chosen, and they by inspector. Others keep their own.
        embedder: for CSS; None leaves it out.
        report: receives the number of pictures done.

    Raises:
        FactoryError: no picture can be read, no picture has the fact of the plan, or an inspector
            cannot go on.
    """
    inspectors = _add_baselines(asked)
    source, known = chosen or ("", {})
    thresholds = {name: known.get(name, each.thresholds) for name, each in inspectors.items()}
    facts = sorted({fact for example in opened.examples for fact in example.facts})
    if plan.fact and plan.fact not in facts:
        there = ", ".join(facts) or "none"
        raise FactoryError(f"no picture of {opened.describe()} has a {plan.fact!r}: it has {there}")
    found = inspect_set(
        opened.examples, inspectors, thresholds, plan.with_released, plan.workers, report
    )
    _require_rows(found, opened)
    results = {
        name: _score(rows, thresholds[name], source * (name in known), opened, plan, embedder)
        for name, rows in found.rows.items()
    }
    problems = (*opened.content.problems, *found.problems)
    notes = tuple(_list_notes(opened, next(iter(found.rows.values())), plan))
    return Evaluation(opened, problems, tuple(asked), found.rows, results, plan.fact, notes)


def _score(
    rows: Sequence[Row],
    thresholds: Thresholds,
    source: str,
    opened: OpenSet,
    plan: Plan,
    embedder: Embedder | None,
) -> Result:
    scorer = Scorer(rows, thresholds, plan.settings, embedder)
    explained = any(row.example.label == "flawed" and row.example.text for row in rows)
    return Result(
        thresholds=thresholds,
        chosen_on=source,
        detection=scorer.detection(),
        localisation=scorer.localisation(),
        texts=scorer.texts() if explained else {},
        false_alarms=scorer.false_alarms(),
        contrasts=scorer.contrasts(),
        by=score_by(rows, plan.fact, thresholds, plan.settings) if plan.fact else {},
        failures=dict(Counter(row.failure.code for row in rows if row.failure)),
        released=summarise(rows, opened.form, embedder) if plan.with_released else {},
    )


def _require_rows(found: Inspected, opened: OpenSet) -> None:
    if not next(iter(found.rows.values())):
        raise FactoryError(
            f"{opened.describe()}: none of {len(opened.examples)} pictures can be used; the first: "
            f"{found.problems[0]}"
        )


def _list_notes(opened: OpenSet, rows: Sequence[Row], plan: Plan) -> list[str]:
    labels = Counter(row.example.label for row in rows)
    notes = []
    if not labels["clean"]:
        notes.append(
            "no clean picture: always-yes is perfect here, so accuracy, F1 and the yes-rate say "
            "nothing, and AUROC and false alarms are undefined"
        )
    if not labels["flawed"]:
        notes.append("no flawed picture: only false alarms are measured")
    if opened.unknown:
        notes.append(f"{opened.unknown} pictures of unknown label are left out")
    if not any(row.example.mask for row in rows) and any(row.is_localised for row in rows):
        notes.append("the annotation has boxes, not pixels: IoU is with filled boxes")
    if plan.with_released and opened.form in ALL_FLAWED:
        notes.append(f"the released evaluators count all pictures of {opened.form} as flawed")
    return notes
