"""The steps of a release.

The tag is the last step, so that a tag says that the data are in the remote. What is done before it
is found and kept when the same release is run again:

1. ``package.version`` and ``package.published`` in params.yaml, and data/package with them;
2. the data in the remote;
3. CHANGELOG.md and the commit;
4. the tag.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow.parquet as pq

from flows import steps
from flows.comparison.report import make_report, summarise
from flows.comparison.versions import open_version
from flows.locks import Say, lock_when_idle
from flows.published.verify import verify_copy
from flows.reasons import PARAMS
from flows.records import OtherSchema
from flows.release import checks
from flows.release.changelog import (
    CHANGELOG,
    describe_comparison,
    has_entry,
    insert_entry,
    make_entry,
)
from flows.release.checks import NotReleasable, State, open_tag
from flows.release.git import Git
from flows.release.licences import check_licences
from flows.release.push import count_missing, find_remote, push
from flows.release.version import Name, set_name
from flows.report import read_report
from flows.repository import LOCK
from flows.verification import verify_cache, verify_outputs
from stages import STAGES
from stages.engine.files import write_atomically
from stages.engine.storage.tables import MANIFEST
from stages.engine.workspace import FactoryError, Workspace
from stages.tools import TOOLS

PACKAGE = STAGES[-1]
Busy = Callable[[str], AbstractContextManager[Any]]
"""Shows what is being done while it is done."""
Count = Callable[[int, int], None]
"""Receives the number of pairs verified and of all."""


@dataclass(frozen=True)
class Wanted:
    """What to release, and where to."""

    version: str
    remote: str | None = None
    """None is the default remote."""
    pushes: bool = True
    only_package: bool = False
    """Push data/package alone, and not the outputs of the other stages."""


@dataclass(frozen=True)
class Released:
    """What a release did, or would do."""

    version: str
    previous: str | None
    pairs: int
    commit: str | None
    """The tagged commit; None in a dry run."""
    remote: str | None
    """None if nothing was pushed."""
    pushed: int
    """Number of files that the remote did not have."""
    entry: str
    """The entry of CHANGELOG.md; empty if the release was made before."""
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Display:
    """How to tell the user what is going on."""

    say: Say
    busy: Busy
    counting: Callable[[], AbstractContextManager[Count]]
    """Shows how many pairs are verified."""


def release(
    workspace: Workspace,
    wanted: Wanted,
    display: Display,
    *,
    dry_run: bool = False,
    wait_minutes: float | None = None,
) -> Released:
    """Release this version, or finish its release.

    Args:
        workspace: to release.
        wanted: what to release, and where to.
        display: how to tell the user what is going on.
        dry_run: check everything and say what a release would do; change nothing.
        wait_minutes: maximum time to wait for a build or a DVC command; None waits as long as it
            takes.

    Raises:
        NotReleasable: it does not qualify; nothing was changed.
        FactoryError: the time to wait is up, or a step failed; running it again goes on from there.
    """
    git = Git(workspace.root)
    with lock_when_idle(workspace, display.say, wait_minutes):
        state, remote, warnings = _check(workspace, git, wanted, display)
        if not state.named:
            if not dry_run:
                with display.busy(f"writing data/{PACKAGE} with the version's name"):
                    _write_name(workspace, state.name)
            _verify_package(workspace, display)
        contents = _describe_contents(workspace)
        with display.busy("comparing with the release before"):
            entry, summary = _make_entry(workspace, wanted.version, state, contents)
        pushed = _push(workspace, remote, wanted, display, dry_run)
        if not (dry_run or state.tagged):
            _commit(git, wanted.version, entry)
            git.run("tag", "-a", wanted.version, "-m", f"{wanted.version}: {contents}\n\n{summary}")
        return Released(
            version=wanted.version,
            previous=state.previous,
            pairs=_count_pairs(workspace),
            commit=None if dry_run else git.commit_of("HEAD"),
            remote=remote,
            pushed=pushed,
            entry=entry,
            warnings=warnings,
        )


def _push(
    workspace: Workspace, remote: str | None, wanted: Wanted, display: Display, dry_run: bool
) -> int:
    """Push to the remote, if there is one; return how many files it did not have."""
    if remote is None:
        return 0
    words, act = (
        (f"asking {remote} what it has", count_missing)
        if dry_run
        else (f"pushing to {remote}", push)
    )
    with display.busy(words):
        return act(workspace, remote, only_package=wanted.only_package)


def _check(
    workspace: Workspace, git: Git, wanted: Wanted, display: Display
) -> tuple[State, str | None, list[str]]:
    """Check all that has to hold; return the state, the remote and warnings.

    Raises:
        NotReleasable: something does not hold.
    """
    with display.busy("checking git, stages, gates and licences"):
        problems = [*checks.check_git(git, wanted.version)]
        unready = [*checks.check_data(workspace, wanted.version)]
        problems += unready
        remote = None
        try:
            remote = find_remote(workspace, wanted.remote) if wanted.pushes else None
        except FactoryError as error:
            problems.append(str(error))
        warnings: list[str] = []
        if not unready:
            licences = check_licences(workspace)
            problems += licences.refusals
            warnings = licences.warnings
        if problems:
            raise NotReleasable(problems)
        state = checks.find_state(git, workspace, wanted.version)
        problems += checks.check_previous(workspace, state.previous)
    with display.busy("verifying every output and cached copy"):
        problems += checks.describe_damage(verify_outputs(workspace) + verify_cache(workspace))
    if problems:
        raise NotReleasable(problems)
    if state.named:
        _verify_package(workspace, display)
    return state, remote, warnings


def _verify_package(workspace: Workspace, display: Display) -> None:
    with display.counting() as count:
        _, findings = verify_copy(str(workspace.stage(PACKAGE)), report=count)
    if findings:
        raise NotReleasable([f"data/{PACKAGE}: {finding}" for finding in findings[:3]])


def _write_name(workspace: Workspace, name: Name) -> None:
    """Write the name into params.yaml and run package, which takes its results from the
    store."""
    params = workspace.root / PARAMS
    text = set_name(params.read_text(encoding="utf-8"), name)
    write_atomically(params, text.encode())
    steps.run(workspace, PACKAGE, lambda line: None).raise_for_failure()


def _count_pairs(workspace: Workspace) -> int:
    report = read_report(workspace, PACKAGE)
    return report.pairs if report else 0


def _describe_contents(workspace: Workspace) -> str:
    report = read_report(workspace, PACKAGE)
    tools = report.tools if report else {}
    table = pq.read_table(workspace.stage(PACKAGE) / MANIFEST, columns=["key"])
    flaws = ", ".join(f"{tool} {tools[tool]:g}" for tool in TOOLS if tools.get(tool))
    photos = len(table["key"].unique())
    return (
        f"{_count_pairs(workspace)} pairs with {len(table)} flaws ({flaws}) from {photos} photos."
    )


def _make_entry(workspace: Workspace, version: str, state: State, contents: str) -> tuple[str, str]:
    """Make the changelog's entry and a line on what changed since the release before; both are
    empty if the version is tagged already."""
    if state.tagged:
        return "", ""
    comparison = summary = "The first release."
    if state.previous is not None:
        try:
            report = make_report(
                open_tag(workspace, state.previous),
                replace(open_version(workspace, None), name=version),
            )
            comparison, summary = describe_comparison(report), summarise(report)
        except OtherSchema as error:
            comparison = summary = f"Not compared with {state.previous}: {error}."
    return make_entry(version, state.name.published, contents, comparison), summary


def _commit(git: Git, version: str, entry: str) -> None:
    """Commit the files of the release, as far as they changed; an entry that was committed before
    stays as it is."""
    changelog = git.root / CHANGELOG
    if not has_entry(git.read("HEAD", CHANGELOG) or "", version):
        text = changelog.read_text(encoding="utf-8") if changelog.exists() else ""
        write_atomically(changelog, insert_entry(text, version, entry).encode())
    files = [PARAMS, LOCK.as_posix(), CHANGELOG]
    git.run("add", "--", *files)
    if git.changed_files():
        git.run("commit", "-q", "-m", f"Release {version}", "--", *files)
