"""Plan a build: find out from the store's keys what it would compute, without computing it."""

from __future__ import annotations

from dataclasses import dataclass

from flows.pipeline import StaleStages
from flows.report import StageReport, read_reports
from stages import STAGES
from stages.catalogue import build_stage, params_for_work
from stages.engine.attempts import read_attempts
from stages.engine.runner import gather
from stages.engine.settings import load_settings, open_store
from stages.engine.workspace import Workspace


@dataclass(frozen=True)
class StagePlan:
    """What a build would do in one stage."""

    stage: str
    reasons: list[str]
    photos: int
    to_compute: int
    exact: bool
    """False if an upstream stage has to run first; the numbers are then upper bounds."""
    seconds: float | None
    """Estimate at the last run's rate; None if the stage never computed anything."""
    disk_bytes: float | None
    """Estimate at the last run's bytes per photo; None if nothing was measured yet."""


def plan_build(workspace: Workspace, stale: StaleStages) -> list[StagePlan]:
    """List the stages that a build would run, in order.

    The first stale stage is planned exactly, since everything upstream of it is final. DVC runs the
    stages after it only if its output changes, so they are listed as "may run".
    """
    if not stale:
        return []
    params = params_for_work(workspace.root)
    store = open_store(workspace, load_settings(workspace))
    known = {report.stage: report for report in read_reports(workspace)}
    plans: list[StagePlan] = []
    exact, photos = True, 0
    first = next((i for i, name in enumerate(STAGES) if name in stale), len(STAGES))
    for name in STAGES[first:]:
        todo = photos
        if exact:
            refs = gather(build_stage(name, params), workspace).refs
            photos = len(refs)
            missing = store.find_missing(ref.store_key for ref in refs)
            attempts = read_attempts(workspace, name) or {}
            todo = len(missing - {key for key, last in attempts.items() if last.given_up})
        plans.append(
            StagePlan(
                stage=name,
                reasons=stale.get(name, [f"may run: {STAGES[STAGES.index(name) - 1]} may change"]),
                photos=photos,
                to_compute=todo,
                exact=exact,
                seconds=_seconds(known.get(name), todo),
                disk_bytes=_disk(known.get(name), todo),
            )
        )
        exact = False
    return plans


def _seconds(report: StageReport | None, todo: int) -> float | None:
    if report is None or not report.computed:
        return None
    return todo * report.seconds / report.computed


def _disk(report: StageReport | None, todo: int) -> float | None:
    if report is None or not report.photos_in or not report.disk_bytes:
        return None
    return todo * report.disk_bytes / report.photos_in
