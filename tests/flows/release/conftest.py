"""Set up a committed checkout with a small data set, whose stages take milliseconds."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from dvc_commands import dvc
from published_set import KEYS

from flows.sources import track_source_list
from stages import STAGES
from stages.engine.storage.source_list import Source, write_list
from stages.engine.workspace import Workspace

ROOT = Path(__file__).parents[3]
PHOTOS = KEYS[:3]
INGEST = """
import json
from pathlib import Path
from stages.engine.storage.tables import write_table
lines = map(json.loads, Path("data/sources/photos/00000.jsonl").read_text().splitlines())
keys = [line["sha256"][:16] for line in lines if "withdrawn" not in line]
out = Path("data/ingest")
out.mkdir(parents=True, exist_ok=True)
write_table(out / "manifest.parquet", [{"key": key} for key in keys], {"key": str})
numbers = dict.fromkeys(["photos_in", "photos_accepted"], len(keys))
numbers |= dict.fromkeys(["photos_rejected", "variants_accepted", "variants_rejected"], 0)
(out / "metrics.json").write_text(json.dumps(numbers))
"""
PACKAGE = f"""
import json, sys, yaml
from pathlib import Path
sys.path.insert(0, {str(ROOT / "tests" / "fixtures")!r})
from published_set import write_set
from stages.engine.storage.tables import read_table
from stages.package import stage as packaging
from stages.package.terms import Terms
keys = tuple(row["key"] for row in read_table(Path("data/ingest/manifest.parquet")))
# Without the models' licences: to import their back ends takes seconds.
packaging.collect_terms = lambda version, policy, base: Terms(version, policy)
named = yaml.safe_load(Path("params.yaml").read_text())["package"]
names = {{"version": named["version"], "published": str(named["published"])}}
folder = write_set(Path("data/package"), keys, **names)
flaws = read_table(folder / "manifest.parquet")
numbers = json.loads(Path("data/ingest/metrics.json").read_text())
numbers |= {{"variants_accepted": len(flaws), "pairs": len({{row["pair"] for row in flaws}})}}
numbers |= {{f"tool.{{t}}": sum(row["tool"] == t for row in flaws) for t in ("add", "remove")}}
(folder / "metrics.json").write_text(json.dumps(numbers))
"""
PARAMS = """\
# every number
package:
  # the last release
  version: "v1"  # set by a release
  published: "2026-11-01"
  licences: {allow: ["*"], unknown: refuse}
"""


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def commit(root: Path, words: str = "version") -> None:
    git(root, "add", "-A")
    git(root, "commit", "-qm", words)


def write_sources(workspace: Workspace, withdrawn: str = "", **said: str) -> None:
    """Write the source list, in which `withdrawn` is the key of a photo that is left out."""
    words = {"licence": "CC0-1.0", "origin": "tests", "batch": "b", **said}
    entries = [
        Source(
            folder="Pictures", path=f"{key}.png", bytes=1, sha256=key + "0" * 48, **words,
            withdrawn="asked to" if key == withdrawn else None,
        )
        for key in PHOTOS
    ]  # fmt: skip
    write_list(workspace.sources, entries)
    track_source_list(workspace)


@pytest.fixture(scope="session")
def released_factory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built and committed checkout, to be copied. Its params name version v1 already."""
    root = tmp_path_factory.mktemp("template") / "factory"
    root.mkdir()
    (root / "ingest.py").write_text(INGEST)
    (root / "package.py").write_text(PACKAGE)
    (root / "params.yaml").write_text(PARAMS)
    shutil.copy(ROOT / ".gitignore", root)
    stages, upstream = {}, "data/sources/photos"
    for name in STAGES:
        out = f"data/{name}"
        commands = {"ingest": "python ingest.py", "package": "python package.py"}
        copy = f"mkdir -p {out} && cp {upstream}/metrics.json {out}/"
        entry = {"cmd": commands.get(name, copy), "deps": [upstream], "outs": [out]}
        stages[name], upstream = entry, out
    stages["package"] |= {"params": ["package"]}
    stages["package"]["deps"] += ["data/ingest", "data/sources/words"]
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}, sort_keys=False))
    git(root, "init", "-q", "-b", "main")
    git(root, "config", "user.name", "Ada")
    git(root, "config", "user.email", "ada@example.org")
    dvc(root, "init", "-q")
    dvc(root, "config", "core.analytics", "false")
    write_sources(Workspace(root))
    dvc(root, "repro", "-q")
    commit(root)
    return root


@pytest.fixture
def checkout(released_factory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A copy of the checkout, in which the test runs."""
    root = tmp_path / "factory"
    shutil.copytree(released_factory, root, symlinks=True)
    monkeypatch.chdir(root)
    return Workspace(root)


@pytest.fixture
def shelf(checkout: Workspace, tmp_path: Path) -> Path:
    """A folder as the default remote of the checkout."""
    folder = tmp_path / "shelf"
    dvc(checkout.root, "remote", "add", "-q", "--default", "shelf", str(folder))
    commit(checkout.root, "remote")
    return folder


def write_gate_report(workspace: Workspace, stage: str, message: str) -> None:
    """Write the report of a run whose gate failed on the present output."""
    from stages.engine.storage.tables import output_digest

    check = {"success": False, "message": message, "table": "manifest", "expectation": "e",
             "observed": "o", "expected": "x", "examples": []}  # fmt: skip
    report = {"output": output_digest(workspace.stage(stage)), "thresholds": {}, "computed": 0,
              "gate": {"success": False, "checks": [check]}}  # fmt: skip
    workspace.reports.mkdir(parents=True, exist_ok=True)
    (workspace.reports / f"{stage}.json").write_text(json.dumps(report))
