"""`flawfactory judge`: compare the judge with people's verdicts, fit the compact one to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from flows.console import console, say
from stages.engine.files import pretty_json, write_atomically
from stages.engine.workspace import FactoryError, Workspace
from stages.filter.params import FilterParams

Reviews = Annotated[
    list[Path] | None,
    typer.Argument(help="Review files; default: those that filter.reviews in params.yaml names."),
]
_SHOWN = 5
"""Number of stale marks named for each file."""


def _filter_params(workspace: Workspace) -> FilterParams:
    from stages.catalogue import load_params

    params = load_params(workspace.root)["filter"]
    assert isinstance(params, FilterParams)  # noqa: S101
    return params


def agreement(
    reviews: Reviews = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Compare this build's judge with people: precision, recall and kappa, by tool."""
    from flows.reviews import agreement as comparison
    from flows.reviews.judged import load_marks, read_judged

    workspace = Workspace.find()
    marks = load_marks(workspace, reviews or [], _filter_params(workspace).reviews)
    flaws = list(read_judged(workspace.data))
    opinions = marks.opinions
    known = frozenset(flaw.pixels_sha256 for flaw in flaws)
    found = comparison.compare_with_people(flaws, opinions)
    photos = {mark.pixels_sha256: mark.photo for f in marks.files.values() for mark in f.marks}
    pairs = comparison.compare_reviewers(opinions, photos)
    stale = marks.stale(known)
    marked = {digest: o for digest, o in opinions.items() if digest in known}
    counts = {
        "files": len(marks.files),
        "reviewers": len({file.reviewer for file in marks.files.values()}),
        "flaws": len(flaws),
        "marked": len(marked),
        "disputed": sum(o.disputed for o in marked.values()),
        "undecided": sum(o.verdict is None for o in marked.values()),
        "stale": sum(map(len, stale.values())),
    }
    if as_json:
        print(json.dumps(_agreement_json(counts, found, pairs, stale), indent=2))
        return
    say(
        f"{counts['marked']} of {counts['flaws']} flaws marked by {counts['reviewers']} reviewers; "
        f"{counts['disputed']} disputed, {counts['undecided']} of them undecided"
    )
    table = Table(title="judge against people, 95 % intervals", title_justify="left")
    for name in ("tool", "flaws", "accepted", "kept", "precision", "recall", "kappa"):
        table.add_column(name, justify="left" if name == "tool" else "right")
    for row in found:
        cells = (row.flaws, row.accepted, row.kept, row.precision, row.recall, row.kappa)
        table.add_row(row.tool, *map(str, cells))
    console.print(table)
    if pairs:
        table = Table(title="reviewers against one another", title_justify="left")
        for name in ("reviewers", "both marked", "same verdict", "kappa"):
            table.add_column(name, justify="left" if name == "reviewers" else "right")
        for pair in pairs:
            names = ", ".join(pair.reviewers)
            table.add_row(names, str(pair.same.total), str(pair.same), str(pair.kappa))
        console.print(table)
    for name, lost in stale.items():
        more = f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else ""
        say(
            f"{name}: {len(lost)} of {len(marks.files[name].marks)} marks are about pixels that "
            f"this build does not have, and do not apply: {', '.join(lost[:_SHOWN])}{more}"
        )


def _agreement_json(
    counts: dict[str, int], found: Any, pairs: Any, stale: dict[str, list[str]]
) -> dict[str, Any]:
    from flows.reviews.agreement import kappa_json, share_json

    return {
        **counts,
        "tools": {
            row.tool: {
                "flaws": row.flaws, "accepted": row.accepted, "kept": row.kept,
                "precision": share_json(row.precision), "recall": share_json(row.recall),
                "kappa": kappa_json(row.kappa),
            }
            for row in found
        },
        "reviewers_against_one_another": [
            {"reviewers": pair.reviewers, "same": share_json(pair.same),
             "kappa": kappa_json(pair.kappa)}
            for pair in pairs
        ],
        "stale_marks": stale,
    }  # fmt: skip


def fit(
    reviews: Reviews = None,
    scores: Annotated[
        list[Path] | None,
        typer.Option(help="File of scores, in addition to those of this build. Repeatable."),
    ] = None,
    write: Annotated[
        bool, typer.Option("--write", help="Replace the coefficients that the judge reads.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="File to write instead.")] = None,
) -> None:
    """Fit the compact judge to review files, and show how it does on flaws held out of the fit."""
    from flows.reviews import fitting
    from flows.reviews.judged import data_set_digest, load_marks, read_judged
    from stages.models.judge.features import logistic

    workspace = Workspace.find()
    params = _filter_params(workspace)
    marks = load_marks(workspace, reviews or [], params.reviews)
    sources = [fitting.read_scores(path) for path in scores or []]
    if data_set_digest(workspace.data):
        sources.append(fitting.describe_build(workspace, list(read_judged(workspace.data))))
    if not sources:
        raise FactoryError("there are no scores: run `flawfactory build`, or name a file: --scores")
    training = fitting.collect_training(marks, sources)
    thresholds = params.features  # pyright: ignore[reportAttributeAccessIssue] - added by registry
    found = fitting.fit(training, logistic.load(), thresholds)
    _print_fit(training, found)
    if write or out:
        path = out or logistic.COEFFICIENTS
        write_atomically(path, pretty_json(found.model.model_dump(mode="json")))
        say(f"written: {path}")
        if out is None:
            say("the next build judges all flaws again; git restores the coefficients before")


def _print_fit(training: Any, found: Any) -> None:
    rows, right = training.labelled.rows, training.labelled.right
    say(
        f"{len(rows)} marked flaws of {len(training.labelled.photos)} photos, {right.mean():.0%} "
        f"right; not used: {training.unscored} that bounds rejected, {training.unknown} without "
        "scores"
    )
    for title in ("precision", "recall"):
        table = Table(title=f"{title}, 95 % intervals", title_justify="left")
        heads = (f"present, {found.at:g}", f"fitted, {found.at:g}", f"fitted, {found.threshold:g}")
        for column in ("tool", *heads):
            table.add_column(column, justify="left" if column == "tool" else "right")
        shares = [getattr(f, title) for f in (found.before, found.after, found.proposed)]
        for tool in shares[0]:
            table.add_row(tool, *(str(of_tool[tool]) for of_tool in shares))
        console.print(table)
    say(
        f"log loss {found.before.log_loss:.3f} -> {found.after.log_loss:.3f}, area under the ROC "
        f"curve {found.before.auc:.2f} -> {found.after.auc:.2f}"
    )
    say(
        f"fitted: cross-validated, each flaw by models of other photos; {found.threshold:g} is the "
        "minimum filter.features.probability proposed for it"
    )
    if found.seen:
        say("present: fitted to the same marks, so these figures are not held out")
    elif found.is_worse:
        say(
            "the fitted model ranks held-out flaws no better than the present one: keep that one, "
            "unless it was fitted to some of these marks"
        )
    for c in found.model.coefficients:
        say(f"  {c.measure:18} {c.weight:+.2f}")
    say("  " + ", ".join(f"{tool} {value:+.2f}" for tool, value in found.model.tools.items()))
