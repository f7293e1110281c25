from pathlib import Path
from types import SimpleNamespace

import pytest

from flows import space
from flows.planning import StagePlan
from flows.report import StageReport
from flows.space import Need, complain_of_space, estimate_needs, require_space
from stages.engine.workspace import FactoryError, Workspace


def plan(stage: str, photos: int, to_compute: int, exact: bool) -> StagePlan:
    return StagePlan(stage, [], photos, to_compute, exact, None, None)


def report(stage: str, photos: int, stored: int, output: int) -> StageReport:
    counts = dict.fromkeys(
        ("photos_out", "photos_rejected", "photos_aside", "variants_out", "variants_rejected",
         "variants_aside", "computed"), 0,
    )  # fmt: skip
    disk = stored + 2 * output
    return StageReport(
        stage=stage, photos_in=photos, tools={}, seconds=0.0, disk_bytes=disk, gate_passed=True,
        checks=[], output_bytes=output, **counts,
    )  # fmt: skip


def test_later_stages_need_room_for_the_photos_that_the_first_one_computes(
    workspace: Workspace,
) -> None:
    plans = [plan("ingest", 1000, 10, True), plan("perceive", 1000, 1000, False)]
    known = {"ingest": report("ingest", 50, 500, 100), "perceive": report("perceive", 40, 40, 80)}
    needs = estimate_needs(workspace, plans, known)
    assert [need.size for need in needs] == [10 * (10 + 1), 10 * (2 + 2), 10 * (2 + 2)]
    assert [need.folder.name for need in needs] == [".store", "data", "md5"]


def test_a_stage_that_never_ran_has_the_size_of_the_sample_build(workspace: Workspace) -> None:
    needs = estimate_needs(workspace, [plan("package", 10, 10, True)], {})
    assert 50e6 < sum(need.size for need in needs) < 500e6


def test_a_build_that_computes_nothing_needs_no_room(workspace: Workspace) -> None:
    assert estimate_needs(workspace, [plan("package", 10, 0, True)], {}) == []


def test_needs_on_one_disk_are_added_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        space.shutil, "disk_usage", lambda folder: SimpleNamespace(free=2_000_000_000)
    )
    needs = [Need(tmp_path / "not yet" / "there", 1.5e9), Need(tmp_path, 0.4e9)]
    complain_of_space(needs, measured=True)
    with pytest.raises(FactoryError) as error:
        complain_of_space([*needs, Need(tmp_path, 0.3e9)], measured=True)
    words = str(error.value)
    assert "about 2.2 GB" in words and "2.0 GB free" in words and str(tmp_path) in words
    assert "check_disk_space = false" in words and "\n" not in words


def test_the_check_can_be_switched_off(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(space, "plan_build", lambda *_: [plan("package", 10, 10**9, True)])
    with pytest.raises(FactoryError, match="not enough disk space"):
        require_space(workspace, {"package": []})
    (workspace.root / "factory.toml").write_text("check_disk_space = false")
    require_space(workspace, {"package": []})


def test_a_build_that_cannot_be_planned_is_left_to_its_stage(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise FactoryError("ingest has not run")

    monkeypatch.setattr(space, "plan_build", fail)
    require_space(workspace, {"perceive": []})
