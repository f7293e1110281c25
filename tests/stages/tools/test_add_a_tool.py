"""A fifth tool is one folder and one line, and a photo goes through all stages with it."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml

from stages.models.weights import catalogue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # a busy machine is no failure
ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "fixtures" / "fifth_tool" / "slide"
LINE = 'TOOLS = ("add", "remove", "distort", "fuse")'
PHOTO = ROOT / "samples" / "photos" / "scikit-image" / "astronaut.png"
PARAMS = {
    "base": {"profile": "compact"},
    "perceive": {"max_windows": 1, "window": 192},
    "map": {"variants": 1, "weights": {"slide": 1.0}, "slide": {"columns": 3},
            "gate": {"min_slide": 1}},
    "invert": {"steps": 1},
    "inject": {"min_reconstruction_psnr": 0,
               "gate": {"min_reconstruction_psnr_mean": 0, "min_difference_mean": 0}},
    "filter": {"lpips": {"low": 0, "high": 2, "control": 0, "mask": 0}},
}  # fmt: skip
SCRIPT = """
from dvc.repo import Repo

from flows.sources import update_source_list
from stages import STAGES
from stages.catalogue import stage_of
from stages.engine.runner import run
from stages.engine.workspace import Workspace

workspace = Workspace.find()
Repo.init(str(workspace.root), no_scm=True).close()
update_source_list(workspace, [workspace.root / "photos"])
for name in STAGES:
    verdict = run(stage_of(name, workspace.root), workspace)
    if not verdict.success:
        raise SystemExit(f"{name}: {[str(check) for check in verdict.failures]}")
"""


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of this checkout with the fifth tool."""
    if not all(map(catalogue.is_available, catalogue.find_needed("compact"))):
        pytest.skip("weights are not fetched: run `flawfactory models fetch`")
    root = tmp_path_factory.mktemp("fifth") / "checkout"
    for name in ("stages", "flows"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    (root / "weights").symlink_to(ROOT / "weights")
    (root / "data").mkdir()
    (root / "data" / ".weights").symlink_to(ROOT / "data" / ".weights")
    (root / "dvc.yaml").touch()
    (root / "factory.toml").write_text('[executor]\nkind = "inline"\n')
    (root / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    (root / "photos").mkdir()
    shutil.copy(PHOTO, root / "photos")
    # What CONTRIBUTING says: the folder, and the name.
    shutil.copytree(FOLDER, root / "stages" / "tools" / "slide")
    registry = root / "stages" / "tools" / "__init__.py"
    text = registry.read_text()
    assert text.count(LINE) == 1
    registry.write_text(text.replace(LINE, LINE.replace(")", ', "slide")')))
    return root


def run(root, script):
    environment = {**os.environ, "PYTHONPATH": str(root), "FLAWFACTORY_ROOT": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_photo_becomes_a_pair_with_an_explanation(checkout):
    run(checkout, SCRIPT)
    (shard,) = (checkout / "data" / "package").glob("*.tar")
    with tarfile.open(shard) as tar:
        members = {member.name.partition(".")[2]: member for member in tar}
        pair = json.load(tar.extractfile(members["json"]))
    (flaw,) = pair["flaws"]
    assert (flaw["tool"], flaw["kernel"]) == ("slide", "sideways")
    assert "slid" in flaw["text"] or "slipped" in flaw["text"]
    assert "slid" in pair["explanation"]["overall"]
    assert {"artifact.png", "control.png", "mask.png", "edit.png"} <= set(members)
    metrics = json.loads((checkout / "data" / "map" / "metrics.json").read_text())
    assert (metrics["tool.slide"], metrics["tool.add"]) == (1, 0)


ASK = """
from typer.testing import CliRunner

from flows.cli import app
from stages.catalogue import parse_params
from stages.engine.workspace import FactoryError

try:
    parse_params({"map": {"weights": {"melt": 1.0}, "slide": {"columns": 99}}})
except FactoryError as error:
    print(error)
print(CliRunner().invoke(app, ["try", "--help"], env={"COLUMNS": "200"}).output)
"""


def test_params_and_commands_know_it(checkout):
    words = run(checkout, ASK)
    assert "`map.slide.columns`: Input should be less than or equal to 16 (got 99" in words
    assert "Input should be 'add', 'remove', 'distort', 'fuse' or 'slide' (got 'melt'" in words
    assert "add|remove|distort|fuse|slide" in words
