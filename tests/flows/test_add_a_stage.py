"""A ninth stage, added to a copy of the checkout as CONTRIBUTING says."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.chaos.checkout import Checkout, make_checkout
from flows.sources import update_source_list
from stages import STAGES
from stages.engine.storage.tables import read_table
from stages.engine.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy machine is no failure
ROOT = Path(__file__).parents[2]
PHOTOS = [ROOT / "samples" / "photos" / "plasma" / f"{name}.png" for name in ("Cat", "Dog")]
STAGE = '''"""The review stage: how many flaws of a photo passed the filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from stages.engine.section import Share
from stages.engine.stage import GateParams, Output, Sample, Stage, StageParams
from stages.records.documents import Curation, Document


class ReviewGate(GateParams):
    """Thresholds of the review gate."""

    min_share: Share = 0.0
    """Minimum share of flaws that passed."""


class ReviewParams(StageParams):
    """Section ``review`` of params.yaml."""

    gate: ReviewGate = ReviewGate()


class Review(Document):
    """review: of a photo."""

    key: str
    share: float


class ReviewStage(Stage):
    """Counts flaws."""

    name: ClassVar[str] = "review"
    reads: ClassVar[Mapping[str, tuple[str, ...]]] = {"filter": ()}
    params_model: ClassVar[type[StageParams]] = ReviewParams

    def process(self, sample: Sample) -> Output:
        """The share of verdicts that are good."""
        verdicts = sample.document("filter", Curation).verdicts
        passed = sum(verdict.passed for verdict in verdicts)
        return Output(Review(key=sample.key, share=passed / max(len(verdicts), 1)))

    def columns(self) -> Mapping[str, type]:
        """The columns of a photo."""
        return {"key": str, "share": float}

    def rows(self, document: dict[str, Any]) -> list[dict[str, Any]]:
        """One row a photo."""
        return [{"key": document["key"], "share": document["share"]}]
'''
GATE = """{"manifest": [
  {"type": "expect_column_values_to_be_between",
   "kwargs": {"column": "share", "min_value": {"$param": "gate.min_share"}, "max_value": 1}}
]}
"""
ENTRY = """  review:
    cmd: sh stages/run.sh review
    params: [base, review]
    deps: [data/filter, stages/engine/format.py, stages/records, stages/review, stages/tools]
    outs: [data/review]
"""
RUN = """
import sys
from benchmarks.chaos import nulls
from stages.catalogue import stage_of
from stages.engine.runner import run
from stages.engine.workspace import Workspace

nulls.register()
workspace = Workspace.find()
for name in sys.argv[1:]:
    verdict = run(stage_of(name, workspace.root), workspace)
    assert verdict.success, [str(check) for check in verdict.failures]
"""


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{path}: {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


def add_stage(root: Path) -> None:
    """Its folder, its name, its entries in dvc.yaml, its section."""
    folder = root / "stages" / "review"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "stage.py").write_text(STAGE)
    (folder / "gate.json").write_text(GATE)
    edit(root / "stages" / "__init__.py", '"filter", ', '"filter", "review", ')
    pipeline = root / "dvc.yaml"
    edit(pipeline, "  explain:\n", f"{ENTRY}  explain:\n")
    edit(pipeline, "filter, explain, package]", "filter, review, explain, package]")
    metrics = "  - data/filter/metrics.json\n"
    edit(pipeline, metrics, f"{metrics}  - data/review/metrics.json\n")
    with (root / "params.yaml").open("a") as file:
        file.write("\nreview:\n  gate: {min_share: 0.0}\n")


class Factory:
    """A copy of the checkout with its own code, which builds with null models."""

    def __init__(self, made: Checkout):
        self.made, self.root, self.workspace = made, made.root, Workspace(made.root)
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("stages", "flows", "applications", "reviews"):
            shutil.copytree(ROOT / name, self.root / name, ignore=ignored)
        shutil.copy(ROOT / "dvc.yaml", self.root / "dvc.yaml")
        (self.root / "weights" / "compact").mkdir(parents=True)
        (self.root / "weights" / "compact" / "README.md").touch()
        (self.root / "factory.toml").write_text('[executor]\nkind = "inline"\n')

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        path = os.pathsep.join([str(self.root), str(ROOT)])  # benchmarks are not in the copy
        environment = self.made.environment("ninth") | {"PYTHONPATH": path, "COLUMNS": "400"}
        return subprocess.run(
            [sys.executable, *command],
            cwd=self.root,
            env=environment,
            capture_output=True,
            text=True,
        )

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run ``flawfactory <words>`` in a process of its own."""
        return self.run("-m", "benchmarks.chaos.run", *words)

    def build_quickly(self) -> None:
        """All stages in one process; DVC then has nothing to run for them."""
        for command in (("-c", RUN, *STAGES), ("-m", "dvc", "commit", "-f", "-q", *STAGES)):
            done = self.run(*command)
            assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The eight stages are built before the ninth is added."""
    made = make_checkout(tmp_path_factory.mktemp("ninth"), "null", PHOTOS, 128)
    factory = Factory(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(made.root)
        update_source_list(factory.workspace, [made.folder / "photos"])
        factory.build_quickly()
        factory.before = {name: report(factory, name) for name in STAGES}
        add_stage(made.root)
        yield factory


@pytest.fixture(scope="module")
def built(checkout):
    return checkout.command("build")


def report(checkout, name):
    return json.loads((checkout.workspace.reports / f"{name}.json").read_bytes())


def test_a_build_runs_the_stage_and_its_gate(checkout, built):
    assert built.returncode == 0, built.stdout + built.stderr
    folder = checkout.workspace.stage("review")
    rows = read_table(folder / "manifest.parquet")
    assert rows and all(0 <= row["share"] <= 1 for row in rows)
    said = report(checkout, "review")
    assert said["computed"] == len(rows)
    checks = {check["column"] for check in said["gate"]["checks"] if check["table"] == "manifest"}
    assert said["gate"]["success"] and "share" in checks


def test_no_other_stage_computes_anything(checkout, built):
    """Package runs, for its card's digest of all params, and takes its pairs from the store."""
    after = {name: report(checkout, name) for name in STAGES}
    assert after.pop("package")["computed"] == 0
    assert all(after[name] == checkout.before[name] for name in after)


def test_the_status_has_a_line_for_it(checkout, built):
    done = checkout.command("status")
    assert done.returncode == 0, done.stdout + done.stderr
    assert any("review" in line.split() for line in done.stdout.splitlines()), done.stdout
    assert "up to date" in done.stdout
