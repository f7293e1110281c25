"""Check whether this version of the data set can be released, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from typing import Any

import yaml
from pydantic import ValidationError

from flows import pipeline
from flows.comparison.versions import Version, open_version
from flows.dvc_reading import open_for_reading
from flows.reasons import PARAMS
from flows.records import OtherSchema
from flows.release.changelog import CHANGELOG
from flows.release.git import Git
from flows.release.version import Name, read_name, set_name
from flows.report import failed_checks, read_report
from flows.repository import LOCK, SOURCES, locked_stages, translate_errors
from flows.verification import Finding, locked_outputs
from stages import STAGES
from stages.engine.workspace import FactoryError, Workspace
from stages.package.stage import PackageParams

_OWN_FILES = frozenset({PARAMS, LOCK.as_posix(), CHANGELOG})
"""The files that a release changes."""
_SHOWN = 3
_PULL = "get it with `dvc pull`"


class NotReleasable(FactoryError):
    """The version cannot be released; the message has a line for each reason."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("not released:\n" + "\n".join(f"  {reason}" for reason in reasons))


@dataclass(frozen=True)
class State:
    """How far the release of a version has come."""

    tagged: bool
    """The tag is on HEAD."""
    name: Name
    """The version's name with the date of its release: that of params.yaml, or else today's."""
    named: bool
    """params.yaml has the name, and nothing has to run for it."""
    previous: str | None
    """The release before; None if this is the first."""


def check_git(git: Git, version: str) -> Iterator[str]:
    """Yield the reasons why git's side is not ready, a line each.

    Raises:
        FactoryError: this is no git repository.
    """
    if not git.is_repository():
        raise FactoryError(
            f"{git.root} is no git repository, which keeps the versions: `git init`, then commit"
        )
    if git.is_shallow():
        yield (
            "this clone is shallow, so the release before is not known: `git fetch --unshallow "
            "--tags`"
        )
        return
    if git.commit_of("HEAD") is None:
        yield "nothing is committed yet: `git add -A`, then `git commit`"
        return
    yield from _check_name(git, version)
    if not git.knows_committer():
        yield "git does not know who you are: `git config user.name NAME`, and user.email"
    changed = git.changed_files()
    for path in {LOCK.as_posix(), SOURCES.as_posix()} - set(changed):
        if not git.tracks(path):
            yield f"git ignores {path}: `git add --force {path}`, then `git commit`"
    if changed and (is_released(git, version) or not is_interrupted(git, version, changed)):
        named = ", ".join(changed[:_SHOWN])
        more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        yield f"not committed: {named}{more}: `git add` and `git commit`, or `git stash -u`"


def _check_name(git: Git, version: str) -> Iterator[str]:
    try:
        PackageParams(version=version)
        valid = bool(version) and git.accepts_tag(version)
    except ValidationError:
        valid = False
    if not valid:
        yield f"{version!r} is no valid git tag: choose a name such as v1 or v1.2.0"
        return
    tagged = git.commit_of(f"refs/tags/{version}")
    if tagged is None or is_released(git, version):
        return
    yield f"tag {version} exists already ({tagged[:12]}): choose another name"


def is_released(git: Git, version: str) -> bool:
    """Whether HEAD is the commit that was released under this name."""
    here = git.commit_of("HEAD")
    if here is None or git.commit_of(f"refs/tags/{version}") != here:
        return False
    return read_name(git.read("HEAD", PARAMS) or "").version == version


def is_interrupted(git: Git, version: str, changed: list[str]) -> bool:
    """Whether the changed files are what an interrupted release of this version leaves."""
    if not set(changed) <= _OWN_FILES:
        return False
    committed, here = git.read("HEAD", PARAMS), _read(git, PARAMS)
    try:
        name = Name(version, read_name(here).published)
        if committed is None or set_name(committed, name) != here:
            return False
        before = yaml.safe_load(git.read("HEAD", LOCK.as_posix()) or "") or {}
        return _inputs(before.get("stages", {})) == _inputs(locked_stages(git.root))
    except (FactoryError, yaml.YAMLError, AttributeError, KeyError):
        return False


def _read(git: Git, path: str) -> str:
    return (git.root / path).read_text(encoding="utf-8")


def _inputs(stages: dict[str, Any]) -> dict[str, list[tuple[str, str]]]:
    """Return the outputs of all stages but package, which a release writes again."""
    return {
        name: [(out["path"], out["md5"]) for out in stage.get("outs", [])]
        for name, stage in stages.items()
        if name != STAGES[-1]
    }


def find_state(git: Git, workspace: Workspace, version: str) -> State:
    """Find how far the release of a version has come, for a checkout without problems."""
    found = read_name(_read(git, PARAMS))
    named = found.version == version and bool(found.published)
    return State(
        tagged=is_released(git, version),
        name=found if named else Name(version, f"{datetime.now(UTC):%Y-%m-%d}"),
        named=named and not pipeline.find_stale(workspace),
        previous=find_previous(git, version),
    )


def find_previous(git: Git, version: str) -> str | None:
    """Find the release before: the one that params.yaml names, or else the newest tag in HEAD's
    history with a data set."""
    tags = [tag for tag in git.tags_of_history() if tag != version]
    last = read_name(git.read("HEAD", PARAMS) or "").version
    ordered = [last, *tags] if last in tags else tags
    return next((tag for tag in ordered if _has_data_set(git, tag)), None)


def _has_data_set(git: Git, tag: str) -> bool:
    lock = git.read(f"refs/tags/{tag}", LOCK.as_posix())
    try:
        return STAGES[-1] in ((yaml.safe_load(lock or "") or {}).get("stages") or {})
    except (yaml.YAMLError, AttributeError):
        return False


def check_data(workspace: Workspace, version: str) -> Iterator[str]:
    """Yield the reasons why the data are not ready, a line each: not pulled, out of date, or
    rejected by a gate.

    Raises:
        FactoryError: nothing was built yet, or the source list is missing.
    """
    absent = [out for out in locked_outputs(workspace) if not out.path.exists()]
    if absent:
        paths = ", ".join(out.path.relative_to(workspace.root).as_posix() for out in absent)
        yield f"{paths}: {'is' if len(absent) == 1 else 'are'} not here: {_PULL}"
        return
    if not workspace.sources.exists():
        yield f"data/sources is not here: {_PULL}"
        return
    for stage, reasons in pipeline.find_stale(workspace).items():
        if not (stage == STAGES[-1] and _waits_for_name(workspace, version, reasons)):
            yield f"{stage} is out of date ({', '.join(reasons[:_SHOWN])}): `flawfactory build`"
    with translate_errors(workspace), open_for_reading(workspace) as repo:
        if repo.status(targets=[SOURCES.as_posix()]):
            yield f"data/sources is not what {SOURCES} says: `dvc add data/sources`, and commit"
    for stage in STAGES:
        report = read_report(workspace, stage)
        if report is None:
            yield f"{stage} has no readable data/{stage}/metrics.json: `flawfactory build`"
        elif not report.gate_passed:
            failed = "; ".join(failed_checks(report))
            yield f"the gate of {stage} failed: {failed}: `flawfactory status`"


def _waits_for_name(workspace: Workspace, version: str, reasons: list[str]) -> bool:
    """Whether package is out of date only because an interrupted release set its name."""
    prefixes = tuple(f"{STAGES[-1]}.{field.name}: " for field in fields(Name))
    name = read_name((workspace.root / PARAMS).read_text(encoding="utf-8"))
    return name.version == version and all(reason.startswith(prefixes) for reason in reasons)


def open_tag(workspace: Workspace, tag: str) -> Version:
    """Open the version of a tag, even if a folder or a branch has the same name."""
    return replace(open_version(workspace, f"refs/tags/{tag}"), name=tag)


def check_previous(workspace: Workspace, previous: str | None) -> Iterator[str]:
    """Yield the reason why the release before cannot be compared with, unless its records are of
    another schema, which the changelog then says."""
    if previous is None:
        return
    try:
        open_tag(workspace, previous).manifest()
    except OtherSchema:
        return
    except FactoryError as error:
        yield f"{error}"


def describe_damage(findings: list[Finding]) -> list[str]:
    """Describe damaged files, a line each, with the remedy."""
    lines = [f"{finding}: `flawfactory verify --repair`" for finding in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        lines.append(f"and {len(findings) - _SHOWN} more: `flawfactory verify --cache` lists them")
    return lines
