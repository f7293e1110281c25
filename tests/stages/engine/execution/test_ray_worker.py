import subprocess
import sys

import pytest
from toy.double.stage import DoubleStage
from toy.factory import line
from toy.source.stage import SourceStage

from stages.engine.execution.job import Job
from stages.engine.execution.ray_worker import RayWorker, find_difference, read_hang
from stages.engine.execution.units import load_sample
from stages.engine.provenance import code_digest, machine_facts
from stages.engine.settings import ExecutorSettings
from stages.engine.workspace import FactoryError


def prepare(factory, stage, **other_facts):
    built = factory.build(stage)
    job = Job(built, factory.store, ExecutorSettings(), code_digest(built))
    worker = RayWorker()
    worker.prepare(job.setup(), machine_facts(built) | other_facts)
    return worker


@pytest.mark.parametrize(
    ("there", "difference"),
    [
        ({"python": "3.11.7", "file": "a" * 64}, None),
        ({"python": "3.11.8", "file": "a" * 64}, "python (3.11.8, the driver has 3.11.7)"),
        ({"python": "3.11.7"}, f"file (absent, the driver has {'a' * 64})"),
        ({"python": "3.11.7", "file": "b" * 64}, "file"),
        (
            {"python": "3.11.7", "file": "a" * 64, "gpu": "H100"},
            "gpu (H100, the driver has absent)",
        ),
    ],
)
def test_the_first_difference_is_named(there, difference):
    assert find_difference({"python": "3.11.7", "file": "a" * 64}, there) == difference


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("numpy", r"its numpy \(.+, the driver has other\) differs"),
        (
            "stages/engine/execution/worker.py",
            r"its stages/engine/execution/worker\.py \(.+ differs",
        ),
    ],
)
def test_a_node_that_differs_from_the_driver_is_refused(factory, name, message):
    with pytest.raises(FactoryError, match=rf"^source: node .+ not give the same bytes, {message}"):
        prepare(factory, SourceStage, **{name: "other"})


def test_models_that_cannot_be_loaded_are_one_error_with_the_node(factory):
    factory.save(double={"weights": "/nowhere"})
    with pytest.raises(FactoryError, match=r"^double: cannot load its models: .+ \(on node .+\)$"):
        prepare(factory, DoubleStage)


def test_inputs_are_read_or_taken_from_the_driver(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    worker, (unit,) = prepare(factory, DoubleStage), factory.units(DoubleStage)
    sample = load_sample(unit)
    (factory.workspace.stage("source") / "shard-00000.tar").unlink()
    assert worker.work(unit, None) is None
    assert factory.store.get(unit.store_key) is None
    outcome = worker.work(unit, sample)
    assert outcome is not None and outcome.failure is None
    assert factory.store.has(unit.store_key)


@pytest.mark.parametrize("limit", ["0.01", "0.5", "100000"])
def test_a_log_tells_the_time_limit_from_a_death(tmp_path, limit):
    code = f"""
import os, time
from stages.engine.execution.time_limit import end_worker_after
print("Timeout of a request", file=__import__("sys").stderr)
with end_worker_after({limit}, 2):
    time.sleep(600 if {limit} < 1000 else 0)
    os.kill(os.getpid(), 9)
"""
    log = tmp_path / "worker.err"
    with log.open("wb") as file:
        subprocess.run([sys.executable, "-c", code], stderr=file)
    assert read_hang(str(log)).startswith("Timeout (0:00:00") == (float(limit) < 1000)
