"""`flawfactory verify`: are the outputs what the lock file says?"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Annotated

import typer

from flows import pipeline
from flows.console import console, say
from flows.locks import Patience, build_lock
from flows.reasons import OUTPUT
from flows.repair import repair as replace_damaged
from flows.repair import run_stage
from flows.verification import AWAY, Finding, verify_cache, verify_outputs
from stages import STAGES
from stages.engine.settings import load_settings
from stages.engine.workspace import FactoryError, Workspace

REMEDY = "repair: flawfactory verify --repair"


def verify(
    cache: Annotated[
        bool, typer.Option("--cache", help="Hash DVC's cached copies of this version too.")
    ] = False,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Check both, and replace what is damaged: from the other copy, from the default "
            "remote, or by running the stage again.",
        ),
    ] = False,
) -> None:
    """Hash every output file and compare with dvc.lock; exit 1 on damage."""
    workspace = Workspace.find()
    findings = _look(workspace, cache or repair)
    if findings and repair:
        with build_lock(workspace, Patience(say)):
            _replace(workspace, sorted({finding.stage for finding in findings}))
        findings = _look(workspace, cache=True)
    _make_visible(findings)
    if findings:
        away = all(finding.problem == AWAY for finding in findings)
        console.print("fetch: dvc pull" if away else REMEDY)
        sys.exit(1)
    copies = "every output and cached copy" if cache or repair else "every output"
    console.print(f"verified: {copies} is what dvc.lock says")


def _look(workspace: Workspace, cache: bool) -> list[Finding]:
    findings = verify_outputs(workspace) + (verify_cache(workspace) if cache else [])
    for finding in findings:
        kind = "" if finding.problem == AWAY else "damaged: "
        console.print(f"{kind}{finding}", markup=False, soft_wrap=True)
    return findings


def _replace(workspace: Workspace, stages: list[str]) -> None:
    """Raises: FactoryError when this version cannot be made again with what is here now."""
    timeout = load_settings(workspace).stage_timeout_minutes * 60
    for stage in replace_damaged(workspace, stages):
        if edited := _edited(workspace, stage):
            raise FactoryError(
                f"no whole copy of {stage}'s output is left, and it would come out different now "
                f"({edited[0]}): run `flawfactory build` for the new version"
            )
        if run_stage(workspace, stage, timeout, console.print, lambda progress: None):
            raise FactoryError(f"{stage} could not be computed again: see above")


def _edited(workspace: Workspace, stage: str) -> list[str]:
    """What changed since the build in that which a stage's output comes from."""
    stale = pipeline.stale(workspace)
    until = STAGES[: STAGES.index(stage) + 1]
    return [r for name in until for r in stale.get(name, []) if not r.startswith(OUTPUT)]


def _make_visible(findings: list[Finding]) -> None:
    """DVC trusts a file whose time and size did not change; damage that kept both needs a touch."""
    for finding in findings:
        with suppress(OSError):
            os.utime(finding.path)
