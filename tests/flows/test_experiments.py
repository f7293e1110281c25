"""DVC's experiments on two stages of the engine: what they compute, and what comes along."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from toy.factory import ToyFactory, line

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy machine is no failure
SCRIPT = """
import sys
from functools import partial
from stages.engine.gates import gate
from stages.engine.runner import main
from toy.double.stage import DoubleStage
from toy.factory import build
from toy.source.stage import SourceStage
# Not tested here, and its library takes seconds to import.
gate.load_library = lambda: None
gate.run = lambda suite, *words: gate.GateResult(suite.stage, [])
main(partial(build, {"source": SourceStage, "double": DoubleStage}[sys.argv[1]]))
"""


def stage_entry(name: str, upstream: str) -> dict:
    return {
        "cmd": f"{sys.executable} run.py {name}",
        "params": [name],
        "deps": [upstream],
        "outs": [f"data/{name}"],
    }


def run(root: Path, *command: str) -> str:
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "fixtures")])
    who = dict.fromkeys(("GIT_AUTHOR_NAME", "GIT_COMMITTER_NAME"), "a")
    who |= dict.fromkeys(("GIT_AUTHOR_EMAIL", "GIT_COMMITTER_EMAIL"), "a@b")
    done = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": path, **who},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def dvc(root: Path, *words: str) -> str:
    return run(root, sys.executable, "-m", "dvc", *words)


@pytest.fixture
def committed(tmp_path: Path) -> ToyFactory:
    """A committed build of three photos."""
    factory = ToyFactory(tmp_path / "checkout")
    factory.save(source={"gate": {}}, double={"variants": 2})
    factory.sources(*map(line, "abc"))
    root = factory.root
    (root / "run.py").write_text(SCRIPT)
    content = {
        "stages": {
            "source": stage_entry("source", "data/sources"),
            "double": stage_entry("double", "data/source"),
        },
        "metrics": ["data/double/metrics.json"],
        "plots": [
            {
                "Outcomes": {
                    "template": "stages",
                    "x": "stage",
                    "y": {"data/double/outcomes.json": "count"},
                }
            }
        ],
    }
    (root / "dvc.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    run(root, "git", "init", "-q")
    dvc(root, "init", "-q")
    dvc(root, "config", "core.analytics", "false")
    shutil.copytree(ROOT / ".dvc" / "plots", root / ".dvc" / "plots")
    (root / ".gitignore").write_text("data/.*\n")
    dvc(root, "repro", "-q")
    run(root, "git", "add", "-A")
    run(root, "git", "commit", "-qm", "built")
    return factory


def test_an_experiment_computes_in_a_copy_what_its_param_changes(committed: ToyFactory) -> None:
    root, stored = committed.root, set(committed.blobs())
    words = dvc(root, "exp", "run", "--temp", "-n", "one", "-S", "double.variants=1")
    assert "Stage 'source' didn't change" in words and "Running stage 'double'" in words
    new = set(committed.blobs()) - stored
    assert len(new) == 3  # in this checkout's store, not in the copy's
    assert run(root, "git", "status", "--short") == ""
    assert committed.metrics("double")["variants_accepted"] == 6

    # Its metrics and plots can be compared.
    differs = json.loads(dvc(root, "metrics", "diff", "HEAD", "one", "--json"))
    counts = differs["data/double/metrics.json"]["variants_accepted"]
    assert (counts["old"], counts["new"]) == (6, 3)
    dvc(root, "plots", "diff", "HEAD", "one", "-o", "plots")
    page = (root / "plots" / "index.html").read_text()
    assert '"rev": "one"' in page and '"rev": "HEAD"' in page
    assert '"name": "one"' in dvc(root, "exp", "show", "--json")

    # Another copy that has to run all stages takes everything from the store.
    words = dvc(root, "exp", "run", "--temp", "-f", "-n", "two", "-S", "double.variants=1")
    assert "Running stage 'source'" in words and "to compute" not in words
    assert set(committed.blobs()) == stored | new

    dvc(root, "exp", "branch", "one", "tried")
    dvc(root, "exp", "apply", "one")
    assert "variants: 1" in (root / "params.yaml").read_text()
    assert committed.metrics("double")["variants_accepted"] == 3
    assert "up to date" in dvc(root, "status")
    assert "tried" in run(root, "git", "branch")
    dvc(root, "exp", "remove", "one")
    assert '"name": "one"' not in dvc(root, "exp", "show", "--json")
