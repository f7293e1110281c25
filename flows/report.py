"""Read what a build reports: counts, times and gate verdicts of each stage."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from flows.reasons import locked_params
from stages import STAGES
from stages.catalogue import read_params, section_models
from stages.engine.stage import StageParams
from stages.engine.storage.tables import METRICS, output_digest
from stages.engine.workspace import FactoryError, Workspace


@dataclass(frozen=True)
class StageReport:
    """One stage's row of the table at the end of a build."""

    stage: str
    photos_in: int
    photos_out: int
    photos_rejected: int
    photos_aside: int
    """Copies, history and files of other kinds, which are not rejects."""
    variants_out: int
    variants_rejected: int
    variants_aside: int
    """Variants beyond a quota, which are not rejects."""
    tools: dict[str, int]
    computed: int
    seconds: float
    disk_bytes: int
    """Size of its results in the store, its output folder and DVC's cached copy of it (which shares
    disk space where the file system can); 0 if the report is too old to contain it."""
    gate_passed: bool
    checks: list[dict[str, Any]]
    output_bytes: int = 0
    """Size of its output folder, which `disk_bytes` counts twice."""
    pairs: int = 0
    """Number of published pairs; 0 for stages other than package."""
    restored: bool = False
    """True if DVC restored the output; `computed`, `seconds` and `disk_bytes` are then those of
    another run, if any."""


def read_report(workspace: Workspace, stage: str) -> StageReport | None:
    """Read the report on a stage's output; None if there is no output.

    The last run on this machine may have made another output, or used thresholds that have been
    changed back since. The output then was restored by DVC, which restores only outputs that passed
    their gate, and the verdict of that run is left out.
    """
    try:
        metrics = json.loads((workspace.stage(stage) / METRICS).read_bytes())
    except (OSError, ValueError):
        return None
    run = read_last_run(workspace, stage)
    restored = run is None or _describes_other_output(workspace, stage, run)
    run = run or {}
    tools = {k.removeprefix("tool."): v for k, v in metrics.items() if k.startswith("tool.")}
    return StageReport(
        stage=stage,
        photos_in=metrics["photos_in"],
        photos_out=metrics["photos_accepted"],
        photos_rejected=metrics["photos_rejected"],
        photos_aside=metrics.get("photos_aside", 0),
        variants_out=metrics.get("variants_accepted", 0),
        variants_rejected=metrics.get("variants_rejected", 0),
        variants_aside=metrics.get("variants_aside", 0),
        tools=tools,
        pairs=metrics.get("pairs", 0),
        computed=run.get("computed", 0),
        seconds=run.get("seconds", 0.0),
        disk_bytes=run.get("stored_bytes", 0) + 2 * run.get("output_bytes", 0),
        output_bytes=run.get("output_bytes", 0),
        gate_passed=restored or run["gate"]["success"],
        checks=[] if restored else run["gate"]["checks"],
        restored=restored,
    )


def read_last_run(workspace: Workspace, stage: str) -> dict[str, Any] | None:
    """Read what the stage's last run on this machine reported; None if there is nothing."""
    try:
        return json.loads((workspace.reports / f"{stage}.json").read_bytes())
    except (OSError, ValueError):
        return None


def _describes_other_output(workspace: Workspace, stage: str, run: dict[str, Any]) -> bool:
    """Whether a run made another output than the present one, or judged it by other thresholds than
    those of params.yaml, while dvc.lock and params.yaml agree."""
    if run.get("output") != output_digest(workspace.stage(stage)):
        return True
    if run["gate"]["success"]:
        return False
    try:
        locked = locked_params(workspace.root).get(stage, {}).get(stage)
        current = (read_params(workspace.root) or {}).get(stage)
        if locked is None or locked != current:
            return False
        section = section_models()[stage].model_validate(current)
    except (FactoryError, ValidationError):
        return False
    assert isinstance(section, StageParams)  # noqa: S101
    return section.gate.model_dump(mode="json") != run.get("thresholds")


def read_reports(workspace: Workspace) -> list[StageReport]:
    """Read the reports of all stages that have an output, in data order."""
    return [r for name in STAGES if (r := read_report(workspace, name)) is not None]


def gate_table(report: StageReport) -> list[dict[str, str]]:
    """Format a gate's checks as rows of a Prefect table artifact, failures first."""
    return [
        {
            "verdict": _verdict(check),
            "table": check["table"],
            "expectation": check["expectation"],
            "expected": check["expected"],
            "observed": check["observed"],
            "examples": ", ".join(check["examples"]),
        }
        for check in sorted(report.checks, key=lambda check: check["success"])
    ]


def _verdict(check: dict[str, Any]) -> str:
    if check["success"]:
        return "ok"
    return "warning" if check.get("warns") else "FAILED"


def failed_checks(report: StageReport) -> list[str]:
    """Describe the failed expectations, one line each."""
    return [_describe(check) for check in report.checks if _verdict(check) == "FAILED"]


def warnings(report: StageReport) -> list[str]:
    """Describe the failed expectations that only warn, one line each."""
    return [_describe(check) for check in report.checks if _verdict(check) == "warning"]


def _describe(check: dict[str, Any]) -> str:
    return check.get("message") or f"{check['table']}: {check['expectation']}: {check['observed']}"
