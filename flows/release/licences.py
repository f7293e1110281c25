"""Apply the licence policy to the photos and models of a build."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import pyarrow.parquet as pq

from stages.catalogue import load_params
from stages.engine.stage import BaseParams
from stages.engine.storage.source_list import Names, Source
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import Workspace
from stages.package.rights import NOT_ATTRIBUTED, Problem, Rights, find_photo_problem
from stages.package.stage import PackageParams
from stages.package.terms import collect_terms

_SHOWN = 3
_WITHDRAW = "withdraw them (`flawfactory withdraw KEY --reason WHY`)"


@dataclass
class Findings:
    """What the policy says about a build; a line each."""

    refusals: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_licences(workspace: Workspace) -> Findings:
    """Check every photo that ingest accepted, since its pixels are pushed with the outputs, and
    every model of the profile.

    Raises:
        FactoryError: params.yaml is wrong, or the source list is damaged.
    """
    params = load_params(workspace.root)
    section, base = cast(PackageParams, params["package"]), cast(BaseParams, params["base"])
    policy, found = section.licences, Findings()
    groups: dict[tuple[str, Problem], list[Source]] = {}
    for photo in _read_photos(workspace):
        rights = Rights(photo.licence, photo.creator, photo.origin)
        if problem := find_photo_problem(rights, policy):
            groups.setdefault((photo.licence, problem), []).append(photo)
    terms = collect_terms(section.version, policy, base)
    lines = [
        (problem, _describe_photos(licence, problem, photos))
        for (licence, problem), photos in groups.items()
    ]
    lines += [
        (
            problem,
            f"model {model.name} ({model.role}): licence '{model.licence}': {problem}; give it in "
            "`package.licences.models`, or choose another model",
        )
        for model, problem in terms.model_problems()
    ]
    for problem, line in lines:
        if problem.kind == "unknown" and policy.unknown == "warn":
            found.warnings.append(line)
        elif problem.kind == "unknown":
            found.refusals.append(f"{line}; or set `package.licences.unknown: warn`")
        else:
            found.refusals.append(line)
    found.warnings += [
        f"model {model.name} ({model.licence}): {model.terms}; the data set card says so"
        for model in terms.restrictions()
    ]
    return found


def _read_photos(workspace: Workspace) -> Iterator[Source]:
    """Yield the entries of the photos that ingest accepted."""
    names = Names.of_list(workspace.sources)
    table = pq.read_table(workspace.stage("ingest") / MANIFEST, columns=["key"])
    for key in dict.fromkeys(table["key"].to_pylist()):
        if entry := names.entry(key):
            yield entry


def _describe_photos(licence: str, problem: Problem, photos: list[Source]) -> str:
    named = ", ".join(f"{photo.name} ({photo.key})" for photo in photos[:_SHOWN])
    more = len(photos) - _SHOWN
    named += f" and {more} more" if more > 0 else ""
    return f"licence '{licence}' of {named}: {problem}; {_find_remedy(problem)}"


def _find_remedy(problem: Problem) -> str:
    if problem.kind == "denied":
        return f"{_WITHDRAW} and build, or change `package.licences`"
    if problem == NOT_ATTRIBUTED:
        return "add `creator` to the folder's LICENCES.toml, scan it and build"
    return (
        "give the SPDX identifier in the folder's LICENCES.toml, scan it and build; or "
        f"{_WITHDRAW}; or add the text to `package.licences.allow`"
    )
