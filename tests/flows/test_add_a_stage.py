"""A ninth stage, added to a copy of the checkout as CONTRIBUTING says."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from chat_server import ChatServer
from flux_factory import PHOTOS, FluxFactory, answer, save_models

from flows.sources import update_source_list
from stages import STAGES
from stages.engine.storage.tables import read_table

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy machine is no failure
ROOT = Path(__file__).parents[2]
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
from stages.catalogue import stage_of
from stages.engine.runner import run
from stages.engine.workspace import Workspace

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


class Checkout(FluxFactory):
    """A copy of the checkout with its own code."""

    def __init__(self, root, models, server):
        super().__init__(root, models, server, photos=PHOTOS[:2])
        ignored = shutil.ignore_patterns("__pycache__")
        for name in ("stages", "flows", "applications", "reviews"):
            shutil.copytree(ROOT / name, root / name, ignore=ignored)
        shutil.copy(ROOT / "dvc.yaml", root / "dvc.yaml")
        (root / "weights" / "compact").mkdir(parents=True)
        (root / "weights" / "compact" / "README.md").touch()
        (root / "data").mkdir(exist_ok=True)
        (root / "data" / ".weights").symlink_to(ROOT / "data" / ".weights")

    @property
    def environment(self):
        return {**super().environment, "PYTHONPATH": str(self.root)}

    def build_quickly(self):
        """All stages in one process; DVC then has nothing to run for them."""
        self._run(sys.executable, "-c", RUN, *STAGES)
        self.commit(*STAGES)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """The eight stages are built before the ninth is added."""
    folder = tmp_path_factory.mktemp("ninth")
    with ChatServer(answer) as server, pytest.MonkeyPatch.context() as patch:
        made = Checkout(folder / "checkout", save_models(folder / "models"), server)
        patch.chdir(made.root)
        update_source_list(made.workspace, [made.root / "photos"])
        made.build_quickly()
        made.before = {name: report(made, name) for name in STAGES}
        add_stage(made.root)
        yield made


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
