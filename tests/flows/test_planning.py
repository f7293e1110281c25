import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from flows import planning
from flows.commands.plan import plan_table
from flows.planning import plan_build
from stages.engine.storage.store import Result, Store
from stages.engine.workspace import Workspace

KEYS = [f"{number:02x}" * 32 for number in range(4)]


@pytest.fixture
def measured_workspace(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Four photos, one of them in the store; invert has run on ten photos, inject never."""
    Store(workspace.data / ".store").put(KEYS[0], Result({}, {}, []))
    work = SimpleNamespace(refs=[SimpleNamespace(store_key=key) for key in KEYS])
    monkeypatch.setattr(planning, "gather", lambda stage, workspace: work)
    run = {
        "computed": 5,
        "seconds": 20.0,
        "stored_bytes": 3_000_000,
        "output_bytes": 1_000_000,
        "gate": {"success": True, "checks": []},
    }
    counts = ("photos_accepted", "photos_rejected", "variants_accepted", "variants_rejected")
    workspace.reports.mkdir()
    (workspace.reports / "invert.json").write_text(json.dumps(run))
    workspace.stage("invert").mkdir()
    metrics = json.dumps({"photos_in": 10, **dict.fromkeys(counts, 0)})
    (workspace.stage("invert") / "metrics.json").write_text(metrics)
    return workspace


def test_time_and_disk_follow_the_last_run(measured_workspace: Workspace) -> None:
    first, second, *_ = plan_build(measured_workspace, {"invert": ["new params"]})
    assert (first.stage, first.photos, first.to_compute, first.exact) == ("invert", 4, 3, True)
    assert first.seconds == 3 * 20.0 / 5
    assert first.disk_bytes == 3 * (3_000_000 + 2 * 1_000_000) / 10
    assert (second.stage, second.to_compute, second.exact) == ("inject", 4, False)
    assert (second.seconds, second.disk_bytes) == (None, None)


def test_photos_that_were_given_up_are_not_counted(measured_workspace: Workspace) -> None:
    reject = {"key": "k", "position": 0, "code": "worker_died", "message": "", "evidence": {}}
    attempts = {KEYS[n]: {**reject, "of_file": False, "count": n} for n in (2, 3)}
    (measured_workspace.reports / "invert.attempts.json").write_text(json.dumps(attempts))
    assert plan_build(measured_workspace, {"invert": ["new params"]})[0].to_compute == 2


def test_the_table_marks_unknown_values(measured_workspace: Workspace) -> None:
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(plan_table(plan_build(measured_workspace, {"invert": ["new params"]})))
    lines = console.export_text().splitlines()
    invert, inject = (next(x for x in lines if f" {n} " in x) for n in ("invert", "inject"))
    assert "12 s" in invert and "1.5 MB" in invert
    assert inject.count("unknown") == 2 and "<= 4" in inject
