"""applications/dvc.yaml: the probe runs apart from the factory's stages."""

import ast
from pathlib import Path

import yaml

import applications
from applications.studies.probe import METRICS

ROOT = Path(applications.__file__).parents[1]
STAGES = yaml.safe_load((ROOT / "applications" / "dvc.yaml").read_text())["stages"]


def test_metrics_are_kept_in_git_and_no_output_in_dvcs_cache():
    # A clone in which the probe was never run could not `dvc pull` a cached output.
    assert STAGES["probe"]["metrics"] == [{METRICS.as_posix(): {"cache": False}}]
    assert "outs" not in STAGES["probe"]


def test_it_depends_on_what_it_imports_of_the_training():
    deps = STAGES["probe"]["deps"]
    code = [dep for dep in deps if not dep.startswith("$")]
    assert all((ROOT / dep).exists() for dep in code)
    for path in (ROOT / "applications" / "studies").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            if module and module.startswith(("applications.training", "applications.inspectors")):
                file = f"{module.replace('.', '/')}.py"
                assert any(f"{file}/".startswith(f"{dep}/") for dep in code), file
