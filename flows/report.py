"""What a build tells afterwards: the table, gate tables, contact sheets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from stages import STAGES
from stages.engine.tables import METRICS
from stages.engine.workspace import Workspace


@dataclass(frozen=True)
class StageReport:
    """One stage's line of the table at the end of a build."""

    stage: str
    photos_in: int
    photos_out: int
    photos_rejected: int
    photos_aside: int
    """Copies, history, files of another kind: no rejects."""
    variants_out: int
    variants_rejected: int
    tools: dict[str, int]
    computed: int
    seconds: float
    disk_bytes: int
    """What its results take: in the store, in its output folder and in DVC's cache of that (shared
    with the folder where the file system can); 0 when the report is too old to tell."""
    gate_passed: bool
    checks: list[dict[str, Any]]


def read_report(workspace: Workspace, stage: str) -> StageReport | None:
    """The last run of a stage; None when it never ran."""
    try:
        run = json.loads((workspace.reports / f"{stage}.json").read_bytes())
        metrics = json.loads((workspace.stage(stage) / METRICS).read_bytes())
    except (OSError, ValueError):
        return None
    tools = {k.removeprefix("tool."): v for k, v in metrics.items() if k.startswith("tool.")}
    return StageReport(
        stage=stage,
        photos_in=metrics["photos_in"],
        photos_out=metrics["photos_accepted"],
        photos_rejected=metrics["photos_rejected"],
        photos_aside=metrics.get("photos_aside", 0),
        variants_out=metrics["variants_accepted"],
        variants_rejected=metrics["variants_rejected"],
        tools=tools,
        computed=run["computed"],
        seconds=run["seconds"],
        disk_bytes=run.get("stored_bytes", 0) + 2 * run.get("output_bytes", 0),
        gate_passed=run["gate"]["success"],
        checks=run["gate"]["checks"],
    )


def reports(workspace: Workspace) -> list[StageReport]:
    """All stages that ran, in data order."""
    return [r for name in STAGES if (r := read_report(workspace, name)) is not None]


def gate_table(report: StageReport) -> list[dict[str, str]]:
    """A gate's checks as rows for a Prefect table artifact, failures first."""
    return [
        {
            "verdict": "ok" if check["success"] else "FAILED",
            "table": check["table"],
            "expectation": check["expectation"],
            "expected": check["expected"],
            "observed": check["observed"],
            "examples": ", ".join(check["examples"]),
        }
        for check in sorted(report.checks, key=lambda check: check["success"])
    ]


def failed_checks(report: StageReport) -> list[str]:
    """Failed expectations in words."""
    return [
        check.get("message") or f"{check['table']}: {check['expectation']}: {check['observed']}"
        for check in report.checks
        if not check["success"]
    ]
