"""What CONTRIBUTING says of a new back end, done in a copy of the checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
PHOTO = ROOT / "samples/photos/plasma/Cat.png"
DETECTOR = '''
import numpy as np

from stages.engine.section import Section, Share
from stages.models.perceiver.entities import build_entities
from stages.models.perceiver.regions import Region, Thing


class HalvesParams(Section):
    """Section ``perceive.halves``."""

    left: Share = 0.5


class Halves:
    """Takes the whole photo for a thing with two parts."""

    def __init__(self, params: HalvesParams) -> None:
        self.left = params.left

    @classmethod
    def revision(cls) -> str:
        return "1"

    def perceive(self, image):
        left = np.zeros(image.shape[:2], bool)
        left[:, : round(self.left * image.shape[1])] = True
        parts = [Region(f"{n} half", "half", 1.0, m) for n, m in (("left", left), ("right", ~left))]
        return build_entities([Thing("picture", 1.0, left | ~left, parts)], (0.0, 1.0))
'''
ENTRY = '"halves": Backend("perceiver.halves:Halves", params="perceiver.halves:HalvesParams"),'
SCRIPT = """
import json, sys
from pathlib import Path
from flows.trial import run_stages
from stages.catalogue import build_stage, parse_params
from stages.engine.provenance import stage_digest
from stages.engine.workspace import FactoryError

def build(name, **perceive):
    return build_stage(name, parse_params({"perceive": perceive}))

def refuse(**perceive):
    try:
        parse_params({"perceive": perceive})
    except FactoryError as error:
        return str(error)

def run():
    for stage in (build("ingest"), build("perceive", halves={"left": 0.25})):
        stage.setup()
        yield stage

scene = run_stages(Path(sys.argv[1]), run()).outputs["perceive"].document
shares = {
    part.name: sum(part.mask.counts[1::2]) / sum(part.mask.counts)
    for entity in scene.entities for part in entity.parts
}
keys = [
    stage_digest(build("perceive", **params))
    for params in ({}, {"mediapipe": {"hand": 0.9}}, {"halves": {"left": 0.25}})
]
refused = [refuse(halves={"left": 2}), refuse(halves={"right": 0.5}), refuse(right=0.5, left=0.5)]
print(json.dumps({
    "detector": scene.detector, "windows": len(scene.windows), "shares": shares, "keys": keys,
    "refused": refused,
}))
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """What the copy's perceive stage makes of a photo with a detector of its own."""
    copy = tmp_path_factory.mktemp("checkout")
    for folder in ("stages", "flows"):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__"))
    models = copy / "stages/models"
    (models / "perceiver/halves.py").write_text(DETECTOR)
    insert_line(models / "registry/backends.py", '    "perceiver": {', f"        {ENTRY}")
    profiles = models / "profiles.yaml"
    insert_line(profiles, "compact:", "  perceiver: {backend: halves}")
    profiles.write_text(profiles.read_text().replace("  perceiver: {backend: mediapipe}\n", "", 1))
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, PHOTO],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy), "FLAWFACTORY_ROOT": str(copy)},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def insert_line(path, after, line):
    text = path.read_text()
    assert text.count(f"{after}\n") == 1
    path.write_text(text.replace(f"{after}\n", f"{after}\n{line}\n"))


def test_a_photo_goes_through_the_stage_with_the_detectors_own_params(found):
    assert found["detector"].startswith("halves:") and found["windows"] > 0
    assert found["shares"] == pytest.approx({"left half": 0.25, "right half": 0.75}, abs=0.01)


def test_only_its_own_params_enter_the_stores_key(found):
    default, of_another, own = found["keys"]
    assert default == of_another != own


def test_wrong_params_are_refused_by_name(found):
    too_large, unknown, misplaced = found["refused"]
    assert too_large.startswith("params.yaml: `perceive.halves.left`: ")
    assert "(got 2; allowed: 0 to 1)" in too_large
    assert unknown == "params.yaml: unknown key `perceive.halves.right`; known: left"
    assert "unknown key `perceive.left`; did you mean `perceive.halves.left`?" in misplaced
