"""`flawfactory verify`: check the outputs against dvc.lock, or a published copy on its own."""

from __future__ import annotations

import json
import os
import sys
from contextlib import nullcontext, suppress
from typing import Annotated

import typer
from rich.progress import Progress

from flows import pipeline
from flows.commands.arguments import Wait
from flows.console import console, error_console, say
from flows.erasure.withdrawn import find_withdrawn, list_withdrawn
from flows.locks import lock_when_idle
from flows.published.verify import Finding as CopyFinding
from flows.published.verify import verify_copy
from flows.reasons import OUTPUT_PREFIX
from flows.repair import repair as replace_damaged
from flows.repair import run_stage
from flows.verification import ABSENT, Finding, verify_cache, verify_outputs
from stages import STAGES
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

REMEDY = "repair: flawfactory verify --repair"


def verify(
    target: Annotated[
        str | None,
        typer.Argument(
            help="A published copy: a folder, a URL, or one of its shards. Default: the outputs "
            "of this checkout."
        ),
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache", help="Also check DVC's cached copies of this version.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Check both and replace what is damaged: from an intact copy, from the default "
            "remote, or by running the stage again.",
        ),
    ] = False,
    sample: Annotated[
        int, typer.Option(min=0, help="Published copy: check this many pairs only; 0 = all.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Published copy: print JSON.")] = False,
    wait: Wait = None,
) -> None:
    """Find damage, and what is left of withdrawn photos; exit with 1 if there is any.

    Without TARGET, hash every output file, compare it with dvc.lock, and look in it for photos that
    the source list calls withdrawn. With TARGET, check a
    published copy against its own manifest: the bytes of every member, records, masks and boxes,
    pixels outside the edits, splits, counts.
    """
    if wait is not None and not repair:
        raise FactoryError("--wait is for `verify --repair`: a check need not wait")
    if target is not None:
        if cache or repair:
            raise FactoryError("--cache and --repair are for the outputs of this checkout")
        _verify_copy(target, sample, as_json)
        return
    if sample or as_json:
        raise FactoryError("--sample and --json are for a published copy: name it")
    workspace = Workspace.find()
    with lock_when_idle(workspace, say, wait) if repair else nullcontext():
        findings = _find_damage(workspace, cache or repair)
        if findings and repair:
            stages = sorted({finding.stage for finding in findings}, key=STAGES.index)
            _repair_stages(workspace, stages)
            findings = _find_damage(workspace, cache=True)
            if not findings:
                console.print(f"repaired: {', '.join(stages)}")
    _touch(findings)
    if findings:
        absent = all(finding.problem == ABSENT for finding in findings)
        console.print("fetch: dvc pull" if absent else REMEDY)
    withdrawn = list_withdrawn(workspace)
    left = find_withdrawn(workspace, withdrawn) if withdrawn else []
    for finding in left:
        console.print(str(finding), markup=False, soft_wrap=True)
    if left:
        console.print("make the outputs without what was withdrawn: flawfactory build")
    if findings or left:
        sys.exit(1)
    copies = "every output and cached copy" if cache or repair else "every output"
    console.print(f"verified: {copies} matches dvc.lock")
    if withdrawn:
        console.print(f"verified: no output contains one of {len(withdrawn)} withdrawn photos")


def _verify_copy(target: str, sample: int, as_json: bool) -> None:
    """Check a published copy and print what is wrong with it."""
    with Progress(console=error_console, transient=True) as bar:
        task = bar.add_task("verify", total=None)
        done, findings = verify_copy(
            target, sample, lambda done, total: bar.update(task, completed=done, total=total)
        )
    if as_json:
        say(json.dumps({"pairs": done, "findings": [f.as_json() for f in findings]}))
    else:
        _print_findings(target, done, findings)
    if findings:
        sys.exit(1)


def _print_findings(target: str, done: int, findings: list[CopyFinding]) -> None:
    for finding in findings:
        say(str(finding))
    words = f"{len(findings)} problems" if findings else "nothing is wrong"
    say(f"{target}: {done} pairs checked, {words}")


def _find_damage(workspace: Workspace, cache: bool) -> list[Finding]:
    findings = verify_outputs(workspace) + (verify_cache(workspace) if cache else [])
    for finding in findings:
        kind = "" if finding.problem == ABSENT else "damaged: "
        console.print(f"{kind}{finding}", markup=False, soft_wrap=True)
    return findings


def _repair_stages(workspace: Workspace, stages: list[str]) -> None:
    """Repair the stages' outputs; run those again of which no intact copy is left.

    Raises:
        FactoryError: a stage fails, or its inputs changed, so that this version cannot be made
            again.
    """
    timeout = load_settings(workspace).stage_timeout_minutes * 60
    for stage in replace_damaged(workspace, stages):
        if edited := _changes_since_build(workspace, stage):
            raise FactoryError(
                f"no intact copy of {stage}'s output is left, and running the stage now would give "
                f"a different one ({edited[0]}): run `flawfactory build` for the new version"
            )
        if run_stage(workspace, stage, timeout, say, lambda progress: None):
            raise FactoryError(f"{stage} failed when it was run again; see the output above")


def _changes_since_build(workspace: Workspace, stage: str) -> list[str]:
    """List what changed since the build in the inputs of a stage and of those before it."""
    stale = pipeline.find_stale(workspace)
    until = STAGES[: STAGES.index(stage) + 1]
    return [r for name in until for r in stale.get(name, []) if not r.startswith(OUTPUT_PREFIX)]


def _touch(findings: list[Finding]) -> None:
    """Touch the files, since DVC trusts a file whose time and size did not change."""
    for finding in findings:
        with suppress(OSError):
            os.utime(finding.path)
