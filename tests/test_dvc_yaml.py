from pathlib import Path

import pytest
import yaml

from stages import STAGES
from stages.catalogue import stage_class
from stages.engine.stage import Stage

ROOT = Path(__file__).parents[1]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
REGISTRY = {
    "stages/models/profiles.yaml",
    "stages/models/registry",
    "stages/models/weights/weights.toml",
}


def source_of(module: str) -> str:
    path = ROOT / module.replace(".", "/")
    return str((path if path.is_dir() else path.with_suffix(".py")).relative_to(ROOT))


def needed(name: str) -> set[str]:
    """What DVC must watch so that a stage is stale whenever a store key of its would change."""
    stage = stage_class(name)
    upstream = {f"data/{other}" for other in stage.reads}
    upstream |= {f"data/sources/{half}" for half in stage.lists}
    code = {source_of(module) for module in stage.code}
    models = REGISTRY if stage.revisions is not Stage.revisions else set()
    if name == "package":  # the card names every back end
        models = REGISTRY - {"stages/models/weights/weights.toml"}
    weights = {"weights/compact"} if "stages.models.flow.model" in stage.code else set()
    own = {f"stages/{name}", "stages/engine/format.py"}
    return upstream | code | models | weights | own


def test_the_stages_are_the_catalogues() -> None:
    assert tuple(PIPELINE) == STAGES


@pytest.mark.parametrize("name", STAGES)
def test_dvc_watches_all_that_a_stage_declares(name: str) -> None:
    entry = PIPELINE[name]
    assert set(entry["deps"]) == needed(name)
    assert entry["deps"] == sorted(entry["deps"])
    # Package publishes a digest of all params.
    assert entry["params"] == ["base", *(STAGES if name == "package" else [name])]
    assert entry["outs"] == [f"data/{name}"]
    assert entry["cmd"] == f"sh stages/run.sh {name}"


@pytest.mark.parametrize("name", STAGES)
def test_every_dependency_in_the_tree_exists(name: str) -> None:
    for path in PIPELINE[name]["deps"]:
        assert path.startswith("data/") or (ROOT / path).exists(), path
