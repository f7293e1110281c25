"""The Ray executor on a real cluster of two nodes of one CPU on this machine.

Where the process of its own (`ray_driver`) is not what is tested, the test process uses the cluster
itself.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import ray_nodes
import waiting
from s3_server import SECRET, serve
from toy.double.stage import DoubleStage
from toy.factory import ToyFactory, key_of, line
from toy.source.stage import SourceStage

from stages.engine.codes import EngineCode
from stages.engine.execution import devices
from stages.engine.execution.job import Job
from stages.engine.provenance import code_digest
from stages.engine.settings import load_settings
from stages.engine.storage.store import Store
from stages.engine.workspace import FactoryError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

wait_until = partial(waiting.wait_until, seconds=600)


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    with serve(), ray_nodes.environment():
        from ray.cluster_utils import Cluster

        started = Cluster()
        try:
            for _ in range(2):
                started.add_node(**ray_nodes.options())
            yield started
        finally:
            started.shutdown()


@pytest.fixture
def factory(cluster, tmp_path, monkeypatch) -> ToyFactory:
    """A workspace that computes with one worker on the cluster."""
    found = ToyFactory(tmp_path / "workspace")
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(found.root))
    found.executor("ray", 1, address=cluster.address)
    return found


@pytest.fixture
def filled(factory, cluster) -> ToyFactory:
    """A workspace that computes on the cluster; its first stage has run for the photos a and b."""
    factory.executor("inline", 1)
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    factory.executor("ray", 1, address=cluster.address)
    return factory


def compute(factory, stage, units=None, store=None):
    """Compute the results that are missing in the store, with this process as the driver."""
    from stages.engine.execution import ray_cluster

    built, store = factory.build(stage), store or factory.store
    if units is None:
        units = [unit for unit in factory.units(stage) if not store.has(unit.store_key)]
    settings = load_settings(factory.workspace).executor
    return list(ray_cluster.run(Job(built, store, settings, code_digest(built)), units))


def fill_inline(folder, *lines):
    """Compute both stages in this process."""
    factory = ToyFactory(folder)
    factory.sources(*lines)
    factory.fill(SourceStage, DoubleStage)
    return factory


def start_driver(factory):
    """Run the first stage in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "toy.source"],
        env={**os.environ, "FLAWFACTORY_ROOT": str(factory.root)},
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def folder(tmp_path):
    """Where processes that hold a photo say so."""
    found = tmp_path / "held"
    found.mkdir()
    return found


def held(folder):
    """The processes that hold photos: (worker, its parent)."""
    found = [path.read_text().split() for path in folder.iterdir() if path.name != "go"]
    return {tuple(map(int, pids)) for pids in found if len(pids) == 2}


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_two_nodes_give_the_same_bytes_as_one_process(filled, cluster, tmp_path):
    filled.executor("ray", 0, address=cluster.address)
    lines = (line("a"), line("b"))
    inline = fill_inline(tmp_path / "inline", *lines)
    filled.fill(DoubleStage)
    assert filled.files("double") == inline.files("double")
    assert [path.read_bytes() for path in filled.blobs()] == [
        path.read_bytes() for path in inline.blobs()
    ]


def test_results_in_a_bucket_give_the_same_bytes_and_its_secret_is_nowhere(
    factory, cluster, tmp_path
):
    lines = (line("a"), line("bad", "raise"), line("unwanted", "reject"))
    inline = fill_inline(tmp_path / "inline", *lines)
    settings = factory.root / "factory.toml"
    settings.write_text('store = "s3://flaws/cluster"\n' + settings.read_text())
    factory.sources(*lines)
    failures = [done.failure for done in compute(factory, SourceStage) if done.failure]
    factory.assemble(SourceStage, failures)
    assert factory.files("source") == inline.files("source")
    assert factory.blobs() == []

    logs = Path(cluster.head_node.get_logs_dir_path())
    written = [p for root in (factory.root, logs) for p in root.rglob("*") if p.is_file()]
    assert any(path.is_relative_to(logs) for path in written)
    assert [path for path in written if SECRET.encode() in path.read_bytes()] == []


def test_a_node_that_joins_late_gets_work_which_is_done_elsewhere_when_it_is_killed(
    factory, cluster, folder
):
    factory.executor("ray", 0, address=cluster.address)
    factory.sources(*(line(text, "hold", folder=str(folder)) for text in "abc"))
    with ThreadPoolExecutor() as pool:
        found = pool.submit(factory.compute, SourceStage)  # nodes start in the main thread only
        try:
            wait_until(lambda: len(held(folder)) == 2)
            nodes = {parent for _, parent in held(folder)}
            assert len(nodes) == 2
            added = cluster.add_node(**ray_nodes.options())
            wait_until(lambda: len(held(folder)) == 3)
            ((worker, _),) = [pids for pids in held(folder) if pids[1] not in nodes]
            cluster.remove_node(added, allow_graceful=False)
            wait_until(lambda: has_ended(worker))
        finally:
            (folder / "go").touch()
        assert [done.failure for done in found.result()] == [None] * 3
    assert {parent for _, parent in held(folder)} == nodes
    assert len(factory.blobs()) == 3


def test_a_driver_that_is_killed_leaves_no_workers_and_resumes(factory, folder, tmp_path):
    lines = (line("done"), line("a", "hold", folder=str(folder)))
    factory.sources(*lines)
    driver = start_driver(factory)
    try:
        wait_until(lambda: held(folder) and factory.blobs())
    finally:
        driver.kill()
        driver.communicate()
    wait_until(lambda: all(has_ended(worker) for worker, _ in held(folder)))

    (folder / "go").touch()
    assert [done.unit.key for done in compute(factory, SourceStage)] == [key_of("a")]
    factory.assemble(SourceStage, [])
    assert factory.files("source") == fill_inline(tmp_path / "inline", *lines).files("source")


def test_a_head_that_fails_is_one_error(factory, folder, monkeypatch):
    from ray.cluster_utils import Cluster

    factory.sources(line("a", "hold", folder=str(folder)))
    monkeypatch.setenv("RAY_gcs_rpc_server_reconnect_timeout_s", "5")
    cluster = Cluster(initialize_head=True, head_node_args=ray_nodes.options())
    try:
        factory.executor("ray", 1, address=cluster.address)
        driver = start_driver(factory)
        try:
            wait_until(lambda: held(folder))
            cluster.head_node.kill_gcs_server(check_alive=False)
            error = driver.communicate()[1]
        finally:
            driver.kill()
            driver.wait()
    finally:
        cluster.shutdown()
    assert driver.returncode == 2
    message = "flawfactory: source: the connection to the Ray cluster was lost"
    assert error.splitlines()[-1].startswith(message)


def test_a_photo_that_kills_its_workers_is_rejected_and_the_others_are_computed(factory):
    factory.sources(line("killer", "kill"), line("a"), line("b", "raise"))
    done = compute(factory, SourceStage)
    assert {o.failure.key: o.failure.code for o in done if o.failure} == {
        key_of("killer"): EngineCode.WORKER_DIED,
        key_of("b"): "internal_error",
    }
    assert len(factory.blobs()) == 1


def test_inputs_that_only_the_driver_can_read_are_sent(filled):
    with (filled.workspace.stage("source") / "shard-00000.tar").open("rb") as shard:
        here = f"/proc/self/fd/{shard.fileno()}"
        units = [replace(unit, shards={"source": here}) for unit in filled.units(DoubleStage)]
        done = compute(filled, DoubleStage, units)
    assert [outcome.failure for outcome in done] == [None, None]


def test_models_that_cannot_be_loaded_are_one_error(filled):
    filled.save(double={"weights": "/nowhere"})
    message = r"^double: cannot load its models: OSError: no weights at /nowhere \(on node .+\)$"
    with pytest.raises(FactoryError, match=message):
        compute(filled, DoubleStage)


def test_a_worker_that_dies_while_loading_is_an_error_not_a_reject(filled, monkeypatch):
    monkeypatch.setattr("stages.engine.execution.ray_cluster._LOADING_ROUNDS", 2)
    filled.save(double={"weights": "kill"})
    with pytest.raises(FactoryError, match="double: its worker died while it loaded the models"):
        compute(filled, DoubleStage, filled.units(DoubleStage)[:1])


class StoreOfTheDriver(Store):
    """Is another folder on the nodes."""

    def __reduce__(self):
        return Store, (self.root / "elsewhere",)


def test_a_store_that_is_not_shared_is_one_error(factory):
    factory.sources(line("a"))
    with pytest.raises(FactoryError, match=r"stored a result that is not in the store .*/here as"):
        compute(factory, SourceStage, store=StoreOfTheDriver(factory.root / "here"))


def test_an_address_without_a_cluster_is_one_error(factory):
    factory.executor("ray", 0, address="127.0.0.1:1")
    factory.sources(line("a"))
    message = "cannot use the Ray cluster `executor.address` = '127.0.0.1:1': .*refused"
    with pytest.raises(FactoryError, match=message):
        compute(factory, SourceStage)


def test_another_version_of_ray_is_refused(factory, monkeypatch):
    factory.sources(line("a"))
    monkeypatch.setattr("ray.__version__", "1.0.0")
    with pytest.raises(FactoryError, match=r"cannot use the Ray cluster .*Version mismatch.*1\.0"):
        compute(factory, SourceStage)


def test_a_stage_without_a_worker_gives_up(factory, cluster):
    factory.executor("ray", 1, address=cluster.address, threads=64, wait_minutes=0.01)
    factory.sources(line("a"))
    with pytest.raises(FactoryError, match=r"one needs CPU 64, the cluster has CPU \d+; gave up"):
        compute(factory, SourceStage)


def test_workers_share_a_gpu(factory, cluster, monkeypatch):
    factory.executor("ray", 0, address=cluster.address, gpus_per_worker=0.5)
    factory.sources(line("a", "gpu"), line("b", "gpu"))
    units = factory.units(SourceStage)
    monkeypatch.setattr(devices, "on_gpu", lambda names: True)
    monkeypatch.setattr("stages.engine.provenance._gpu_numerics", lambda stage: {})
    added = cluster.add_node(**ray_nodes.options(num_cpus=2, num_gpus=1))
    try:
        compute(factory, SourceStage, units)
    finally:
        cluster.remove_node(added, allow_graceful=False)
    seen = [factory.store.get(unit.store_key).document["text"] for unit in units]
    assert seen == ["0", "0"]


def test_a_photo_that_hangs_is_rejected_and_the_others_are_computed(factory, cluster):
    factory.executor("ray", 1, address=cluster.address, photo_timeout_minutes=0.05)
    factory.sources(line("hangs", "wait"), line("a"))
    done = {outcome.unit.key: outcome for outcome in compute(factory, SourceStage)}
    hung = done[key_of("hangs")]
    assert hung.failure.code == EngineCode.WORKER_DIED and hung.try_again
    assert hung.failure.message.startswith("it took longer than 0.05 minutes")
    assert hung.traceback.startswith("on node ") and "in misbehave" in hung.traceback
    assert done[key_of("a")].failure is None


class LongJob(Job):
    """A job whose photos ask chat models for longer than the limit, which begins anew each time."""

    seconds = 0.0

    def setup(self):
        return replace(super().setup(), seconds=600.0)


def test_a_worker_that_dies_late_died_of_something_else_than_the_limit(
    factory, cluster, monkeypatch
):
    factory.executor("ray", 1, address=cluster.address)
    factory.sources(line("k", "kill"), line("a"))
    monkeypatch.setitem(globals(), "Job", LongJob)
    done = {outcome.unit.key: outcome for outcome in compute(factory, SourceStage)}
    killed = done[key_of("k")]
    assert killed.failure.message.startswith("its worker process died") and not killed.traceback
    assert done[key_of("a")].failure is None


def test_nobody_knows_why_a_worker_ended_whose_log_cannot_be_read(factory, cluster):
    import ray

    from stages.engine.execution import ray_cluster
    from stages.engine.execution.ray_worker import Place

    ray.init(cluster.address, log_to_driver=False)
    try:
        node = ray.nodes()[0]["NodeID"]
        words = ray_cluster._find_hang(Place("host", node, "/nowhere"))
        assert "perhaps in Ray's log of the worker on node host" in words
        assert ray_cluster._find_hang(Place("host", "e" * 56, "/nowhere")) == ""  # a lost node
    finally:
        ray.shutdown()
