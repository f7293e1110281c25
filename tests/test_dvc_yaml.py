import json
from pathlib import Path

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from stages import STAGES
from stages.catalogue import build_stage, parse_params, stage_class
from stages.engine.closure import import_closure
from stages.engine.gates.summary import load_metrics
from stages.engine.provenance import code_files
from stages.filter.params import FilterParams
from stages.filter.reviews import FOLDER
from stages.left_out import LEFT_OUT
from stages.models.registry import BACKENDS
from stages.models.stage import ModelStage

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
CHOICE = {"stages/models/profiles.yaml", "stages/models/registry"}
"""Which back ends there are and which are chosen."""


def uncovered(name: str, files: set[str]) -> set[str]:
    """Files that lie in none of the stage's dependencies."""
    deps = PIPELINE[name]["deps"]
    return {file for file in files if not any(f"{file}/".startswith(f"{dep}/") for dep in deps)}


def role_modules(*roles: str) -> set[str]:
    """Of every back end that a profile may choose for the roles, and for those that they need."""
    backends = [backend for role in roles for backend in BACKENDS[role].values()]
    needed = {role for backend in backends for role in backend.needs}
    return {backend.module for backend in backends} | (role_modules(*needed) if needed else set())


def test_the_stages_are_the_catalogues() -> None:
    assert tuple(PIPELINE) == STAGES


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_depends_on_what_it_reads_and_on_its_own_folder(name: str) -> None:
    stage, entry = stage_class(name), PIPELINE[name]
    data = {f"data/{other}" for other in stage.reads}
    data |= {f"data/sources/{half}" for half in stage.lists}
    assert {dep for dep in entry["deps"] if dep.startswith("data/")} == data
    assert {f"stages/{name}", "stages/engine/format.py"} <= set(entry["deps"])
    # Package publishes a digest of all params.
    assert entry["params"] == ["base", *(STAGES if name == "package" else [name])]
    assert entry["outs"] == [f"data/{name}"]
    assert entry["cmd"] == f"sh stages/run.sh {name}"


@pytest.mark.parametrize("profile", ["compact", "flux"])
@pytest.mark.parametrize("name", STAGES)
def test_all_that_a_key_covers_lies_in_a_dependency(name: str, profile: str) -> None:
    stage = build_stage(name, parse_params({"base": {"profile": profile}}))
    assert not uncovered(name, set(code_files(stage)))


MODEL_STAGES = [name for name in STAGES if issubclass(stage_class(name), ModelStage)]


@pytest.mark.parametrize("name", MODEL_STAGES)
def test_every_back_end_that_may_be_chosen_lies_in_a_dependency(name: str) -> None:
    stage = stage_class(name)
    assert issubclass(stage, ModelStage)
    files = import_closure(sorted(role_modules(*stage.roles)), LEFT_OUT)
    assert not uncovered(name, set(files))
    assert CHOICE | {"stages/models/weights"} <= set(PIPELINE[name]["deps"])


def test_package_depends_on_what_the_records_name() -> None:
    named = {dep for entry in PIPELINE.values() for dep in entry["deps"] if "data/" not in dep}
    assert not uncovered("package", named - {FOLDER})


def test_the_card_names_every_back_end_and_the_licences_of_weights() -> None:
    assert not uncovered("package", CHOICE | {"stages/models/weights"})


def test_a_changed_review_file_runs_the_filter_alone() -> None:
    """Later stages run if the filter's output changes."""
    assert [name for name in STAGES if FOLDER in PIPELINE[name]["deps"]] == ["filter"]
    assert set(FilterParams().reviews) == {f"{FOLDER}/*.json"}


@pytest.mark.parametrize("name", ["invert", "inject"])
def test_the_compact_flow_model_is_a_dependency(name: str) -> None:
    assert "weights/compact" in PIPELINE[name]["deps"]


@pytest.mark.parametrize("name", STAGES)
def test_every_dependency_in_the_tree_exists(name: str) -> None:
    for path in PIPELINE[name]["deps"]:
        assert path.startswith("data/") or (ROOT / path).exists(), path


def test_dvc_finds_metrics_and_plots_of_every_stage() -> None:
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    assert content["metrics"] == [f"data/{name}/metrics.json" for name in STAGES]
    plots = {title: plot for entry in content["plots"] for title, plot in entry.items()}
    drawn = {file for plot in plots.values() for file in plot["y"]}
    assert {f"data/{name}/outcomes.json" for name in STAGES} <= drawn
    for plot in plots.values():
        template = json.loads((ROOT / ".dvc" / "plots" / f"{plot['template']}.json").read_text())
        assert template["data"] == {"values": "<DVC_METRIC_DATA>"}


def test_metrics_are_statistics_of_the_manifest_or_numbers_of_the_stage() -> None:
    for name in STAGES:
        stage = build_stage(name, parse_params({}))
        types = dict(stage.columns())
        for metric in load_metrics(ROOT / "stages" / name):
            column, _, statistic = metric.rpartition(".")
            assert types[column] in ([bool] if statistic == "rate" else [int, float]), metric


def test_setting_a_param_by_dvc_changes_nothing_else_in_params_yaml(tmp_path: Path) -> None:
    before = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(before)
    apply_overrides(tmp_path / "params.yaml", ["filter.features.probability=0.45678"])
    after = (tmp_path / "params.yaml").read_text()
    lines = [line for line in after.splitlines() if "0.45678" in line]
    assert len(lines) == 1
    others = [line for line in after.splitlines() if "0.45678" not in line]
    assert [line for line in before.splitlines() if line not in others] == [
        lines[0].replace("0.45678", "0.4")
    ]
    assert len(after.splitlines()) == len(before.splitlines())


@pytest.mark.parametrize("name", STAGES)
def test_metrics_are_documented_with_their_units(name: str) -> None:
    text = (ROOT / "docs" / "experiments.md").read_text()
    for metric, meaning in load_metrics(ROOT / "stages" / name).items():
        assert f"| {name} | `{metric}` | {meaning} |" in text
