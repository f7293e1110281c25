"""What a worker imports of this project while it works on a photo is covered by its keys."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from chat_server import ChatServer
from dvc.repo import Repo
from flux_factory import KEY, KEY_NAME, PHOTOS, FluxFactory, answer, save_models

from flows.sources import update_source_list
from stages import STAGES
from stages.engine.closure import matches
from stages.engine.workspace import Workspace
from stages.left_out import LEFT_OUT
from stages.models.registry import BACKENDS
from stages.models.weights import catalogue

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy machine is no failure
ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "tests" / "fixtures" / "observe_imports.py"
COMPACT = {
    "base": {"profile": "compact"},
    "perceive": {"max_windows": 1, "window": 192},
    "map": {"variants": 2},
    "invert": {"steps": 1},
    "inject": {"min_reconstruction_psnr": 0},
    "filter": {
        "lpips": {"low": 0, "high": 2, "control": 0, "mask": 0},
        "features": {"delivered": 0, "agreement": 0, "inside": 0, "probability": 0},
    },
}


def observe(root):
    """Stage to the files that it imported and those that its digest covers."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "FLAWFACTORY_ROOT": str(root)}
    done = subprocess.run(
        [sys.executable, str(SCRIPT)], cwd=root, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def flux(tmp_path_factory):
    folder = tmp_path_factory.mktemp("flux")
    with ChatServer(answer) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_NAME, KEY)
        models = save_models(folder / "models")
        made = FluxFactory(folder / "checkout", models, server, photos=PHOTOS[:2])
        patch.chdir(made.root)
        update_source_list(made.workspace, [made.root / "photos"])
        yield observe(made.root)


@pytest.fixture(scope="module")
def compact(tmp_path_factory):
    if not all(map(catalogue.is_available, catalogue.find_needed("compact"))):
        pytest.skip("weights are not fetched: run `flawfactory models fetch`")
    root = tmp_path_factory.mktemp("compact")
    Repo.init(str(root), no_scm=True).close()
    (root / "dvc.yaml").touch()
    values = {name: COMPACT.get(name, {}) for name in ("base", *STAGES)}
    (root / "params.yaml").write_text(yaml.safe_dump(values))
    (root / "photos").mkdir()
    photo = ROOT / "samples" / "photos" / "scikit-image" / "astronaut.png"
    (root / "photos" / photo.name).write_bytes(photo.read_bytes())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        update_source_list(Workspace(root), [root / "photos"])
        yield observe(root)


def registry_imports():
    """The registry builds the stages' sections from the params of all back ends, chosen or not, and
    names protocols as types."""
    places = [place for backends in BACKENDS.values() for backend in backends.values()
              for place in (backend.params, backend.options) if place]  # fmt: skip
    modules = {"protocols", *(place.partition(":")[0].replace(".", "/") for place in places)}
    return {f"stages/models/{module}.py" for module in modules}


def holds_code(file):
    """Whether a file is more than a package's docstring."""
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    return not file.endswith("__init__.py") or len(body) > 1


@pytest.mark.parametrize("profile", ["compact", "flux"])
@pytest.mark.parametrize("name", STAGES)
def test_a_key_covers_all_that_a_worker_imports(request, profile, name):
    found = request.getfixturevalue(profile)[name]
    assert f"stages/{name}/stage.py" in found["imported"]
    allowed = {*found["covered"], *registry_imports()}
    rest = [file for file in found["imported"] if file not in allowed and holds_code(file)]
    assert [file for file in rest if not matches(file, LEFT_OUT)] == []


@pytest.mark.parametrize("profile", ["compact", "flux"])
def test_the_chosen_back_ends_were_at_work(request, profile):
    found = request.getfixturevalue(profile)
    own = {
        "compact": {
            "perceive": "perceiver/mediapipe/perceiver.py",
            "invert": "flow/model.py",
            "filter": "judge/features/judge.py",
            "explain": "explainer/grammar/explainer.py",
        },
        "flux": {
            "perceive": "perceiver/grounded/perceiver.py",
            "invert": "flow/text.py",
            "filter": "judge/vlm/judge.py",
            "explain": "explainer/vlm/explainer.py",
        },
    }
    for name, file in own[profile].items():
        assert f"stages/models/{file}" in found[name]["imported"]
