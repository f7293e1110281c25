import io
import json

import pytest
from rich.console import Console

from flows.console import build_table
from flows.report import failed_checks, gate_table, read_report, read_reports, warnings
from stages.engine.storage.tables import output_digest
from stages.engine.workspace import Workspace
from stages.map.params import MapParams

CHECK = {
    "table": "summary",
    "expectation": "expect_column_values_to_be_between",
    "expected": "column=reject_rate, max_value=0.5",
    "observed": "observed 0.75",
    "success": False,
    "examples": ["00ff", "11ee"],
    "column": "reject_rate",
    "message": "too many photos are rejected: photos/a.jpg",
}


@pytest.fixture
def map_workspace(workspace: Workspace) -> Workspace:
    gate = {"stage": "map", "success": False, "checks": [{**CHECK, "success": True}, CHECK]}
    metrics = {
        "photos_in": 9,
        "photos_accepted": 1,
        "photos_rejected": 3,
        "photos_aside": 5,
        "variants_accepted": 2,
        "variants_rejected": 1,
        "tool.add": 2,
    }
    workspace.stage("map").mkdir()
    (workspace.stage("map") / "metrics.json").write_text(json.dumps(metrics))
    run = {
        "computed": 3,
        "seconds": 15.2,
        "stored_bytes": 7000,
        "output_bytes": 5000,
        "gate": gate,
        "thresholds": MapParams().gate.model_dump(mode="json"),
        "output": output_digest(workspace.stage("map")),
    }
    workspace.reports.mkdir()
    (workspace.reports / "map.json").write_text(json.dumps(run))
    return workspace


def map_row(workspace: Workspace) -> list[str]:
    """Return the words of the map stage's row."""
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(build_table(read_reports(workspace)))
    return next(line for line in console.export_text().splitlines() if " map " in line).split()


def test_a_stage_that_never_ran_has_no_report(map_workspace: Workspace) -> None:
    assert read_report(map_workspace, "invert") is None
    assert [report.stage for report in read_reports(map_workspace)] == ["map"]


def test_disk_bytes_count_outputs_twice(map_workspace: Workspace) -> None:
    (report,) = read_reports(map_workspace)
    assert report.disk_bytes == 7000 + 2 * 5000


def test_failed_checks_come_first(map_workspace: Workspace) -> None:
    (report,) = read_reports(map_workspace)
    assert [row["verdict"] for row in gate_table(report)] == ["FAILED", "ok"]
    assert failed_checks(report) == ["too many photos are rejected: photos/a.jpg"]


def test_the_table_shows_counts_tools_and_verdict(map_workspace: Workspace) -> None:
    assert map_row(map_workspace) == ["map", "9", "1", "3", "5", "2", "1", "3", "15", "FAILED"]


def test_the_caption_gives_the_number_of_pairs(map_workspace: Workspace) -> None:
    counts = {"photos_in": 2, "photos_accepted": 2, "photos_rejected": 0, "variants_accepted": 9}
    folder = map_workspace.stage("package")
    folder.mkdir()
    metrics = {**counts, "variants_rejected": 0, "tool.add": 9, "pairs": 4}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    caption = str(build_table(read_reports(map_workspace)).caption)
    assert caption.endswith("4 pairs in data/package")


def test_the_table_shows_variants_set_aside(map_workspace: Workspace) -> None:
    path = map_workspace.stage("map") / "metrics.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), "variants_aside": 7}))
    assert map_row(map_workspace)[:8] == ["map", "9", "1", "3", "5", "2", "1", "7"]


def test_warnings_are_not_failures(map_workspace: Workspace) -> None:
    path = map_workspace.reports / "map.json"
    run = json.loads(path.read_bytes())
    run["gate"] = {"stage": "map", "success": True, "checks": [{**CHECK, "warns": True}]}
    path.write_text(json.dumps(run))
    (report,) = read_reports(map_workspace)
    assert report.gate_passed and failed_checks(report) == []
    assert warnings(report) == ["too many photos are rejected: photos/a.jpg"]
    assert [row["verdict"] for row in gate_table(report)] == ["warning"]


class TestAnOutputThatDvcBroughtBack:
    def test_is_not_shown_with_the_failure_of_another_output(
        self, map_workspace: Workspace
    ) -> None:
        metrics = map_workspace.stage("map") / "metrics.json"
        metrics.write_text(metrics.read_text().replace('"tool.add": 2', '"tool.add": 3'))
        (report,) = read_reports(map_workspace)
        assert report.gate_passed and report.restored and not failed_checks(report)
        assert map_row(map_workspace) == [
            "map",
            "9",
            "1",
            "3",
            "5",
            "3",
            "1",
            "ok",
            "(restored)",
        ]

    def test_is_not_shown_with_the_verdict_of_other_thresholds(
        self, map_workspace: Workspace
    ) -> None:
        section = {"map": {"gate": {"max_mean_shortfall": 9}}}
        locked = {"stages": {"map": {"params": {"params.yaml": section}}}}
        (map_workspace.root / "dvc.lock").write_text(json.dumps(locked))
        assert failed_checks(read_reports(map_workspace)[0])  # params.yaml differs from dvc.lock
        (map_workspace.root / "params.yaml").write_text(json.dumps(section))
        (report,) = read_reports(map_workspace)
        assert report.restored and report.gate_passed

    def test_is_shown_if_the_stage_never_ran(self, map_workspace: Workspace) -> None:
        (map_workspace.reports / "map.json").unlink()
        assert map_row(map_workspace) == [
            "map",
            "9",
            "1",
            "3",
            "5",
            "2",
            "1",
            "ok",
            "(restored)",
        ]
        assert read_reports(map_workspace)[0].disk_bytes == 0
