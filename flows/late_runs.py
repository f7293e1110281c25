"""Skip scheduled runs that became due while an earlier build ran: the next one takes all photos."""

from __future__ import annotations

from datetime import UTC, datetime

from prefect import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.states import Cancelled

SKIPPED = "Skipped"
"""Name of their state."""


def skip_late_runs(run: str) -> int:
    """Cancel the runs of the same schedule that are due and have not started; return their number.

    Call it when the build has begun, before it scans. Runs that somebody started, or that have
    other parameters, are left alone.

    Args:
        run: id of the flow run that is running.
    """
    with get_client(sync_client=True) as client:
        own = client.read_flow_run(run)  # pyright: ignore[reportArgumentType]
        if own.deployment_id is None:
            return 0
        due = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[own.deployment_id]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
                    {"before_": datetime.now(UTC)}
                ),
            )
        )
        late = [each for each in due if each.auto_scheduled and each.parameters == own.parameters]
        for each in late:
            words = f"the build {own.name} began after this one was due, and takes all photos"
            client.set_flow_run_state(each.id, Cancelled(name=SKIPPED, message=words))
        return len(late)
