"""What a build tells afterwards: the table, gate tables, contact sheets."""

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
    restored: bool = False
    """DVC brought the output back: computed, seconds and disk_bytes are another run's, if any."""


def read_report(workspace: Workspace, stage: str) -> StageReport | None:
    """A stage's output and the run that made it; None when there is no output.

    DVC brings back only what passed its gate. The last run on this machine may be of another
    output, or of thresholds that were changed back: its verdict then has no place here.
    """
    try:
        metrics = json.loads((workspace.stage(stage) / METRICS).read_bytes())
    except (OSError, ValueError):
        return None
    run = _last_run(workspace, stage)
    restored = run is None or _is_another(workspace, stage, run)
    run = run or {}
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
        computed=run.get("computed", 0),
        seconds=run.get("seconds", 0.0),
        disk_bytes=run.get("stored_bytes", 0) + 2 * run.get("output_bytes", 0),
        gate_passed=restored or run["gate"]["success"],
        checks=[] if restored else run["gate"]["checks"],
        restored=restored,
    )


def _last_run(workspace: Workspace, stage: str) -> dict[str, Any] | None:
    try:
        return json.loads((workspace.reports / f"{stage}.json").read_bytes())
    except (OSError, ValueError):
        return None


def _is_another(workspace: Workspace, stage: str, run: dict[str, Any]) -> bool:
    """Whether a run made another output than the present one, or judged it by thresholds that are
    no longer those of params.yaml while those of dvc.lock are."""
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


def reports(workspace: Workspace) -> list[StageReport]:
    """All stages that have an output, in data order."""
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
