"""Check the example files of docs/scale.md against the code and the lock files."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import yaml

from stages.engine.settings import ExecutorSettings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
SLURM, RAYJOB = (ROOT / "docs" / "cluster" / name for name in ("slurm.sh", "rayjob.yaml"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
(PIN,) = PROJECT["optional-dependencies"]["ray"]


def containers():
    spec = yaml.safe_load(RAYJOB.read_text(encoding="utf-8"))["spec"]["rayClusterSpec"]
    groups = [spec["headGroupSpec"], *spec["workerGroupSpecs"]]
    return [one for group in groups for one in group["template"]["spec"]["containers"]]


def test_the_slurm_script_is_a_shell_script_that_needs_a_token():
    done = subprocess.run([shutil.which("bash"), "-n", SLURM], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    script = SLURM.read_text(encoding="utf-8")
    options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(\S+)$", script, re.MULTILINE))
    assert options["ntasks-per-node"] == "1" and int(options["nodes"]) > 1
    assert "export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0" in script
    assert script.rstrip().endswith("-- flawfactory build")


def test_the_rayjob_runs_the_pinned_ray_with_a_token_on_nodes_of_one_kind():
    job = yaml.safe_load(RAYJOB.read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    assert "flawfactory build" in job["spec"]["entrypoint"]
    cluster = job["spec"]["rayClusterSpec"]
    assert f"ray=={cluster['rayVersion']}" == PIN
    assert cluster["authOptions"] == {"mode": "token"}
    for name in ("image", "env", "resources", "volumeMounts"):
        head, worker = (container[name] for container in containers())
        assert head == worker
    assert {"name": "RAY_USAGE_STATS_ENABLED", "value": "0"} in containers()[0]["env"]


def test_the_pins_of_ray_agree():
    lock = (ROOT / "requirements" / "dev.txt").read_text(encoding="utf-8")
    assert f"\n{PIN} " in lock and PIN in PROJECT["optional-dependencies"]["dev"]
    assert set(re.findall(r"ray(?:\[default\])?==([\d.]+)", TEXT)) == {PIN.removeprefix("ray==")}


def test_the_settings_of_the_executor_are_documented_with_their_defaults():
    rows = dict(re.findall(r"^\| `(\w+)` \| (\S+) \|", TEXT, re.MULTILINE))
    fields = ExecutorSettings.model_fields
    assert {name: f"{fields[name].default:g}" for name in rows} == {
        name: f"{float(default):g}" for name, default in rows.items()
    }
    assert {*rows, "kind", "address"} == set(fields)
