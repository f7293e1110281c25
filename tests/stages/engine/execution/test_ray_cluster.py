"""The Ray executor on a real cluster of two nodes of one CPU on this machine."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from toy.double.stage import DoubleStage
from toy.factory import ToyFactory, key_of, line
from toy.source.stage import SourceStage
from waiting import wait_until

from stages.engine.codes import EngineCode
from stages.engine.execution import devices
from stages.engine.execution.executor import execute
from stages.engine.provenance import code_digest
from stages.engine.settings import load_settings
from stages.engine.storage.store import Store
from stages.engine.workspace import FactoryError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]  # Ray starts slowly on a busy machine

FIXTURES = Path(sys.modules[ToyFactory.__module__].__file__).parents[1]
PATHS = os.pathsep.join([str(FIXTURES), str(FIXTURES.parents[1])])
NODE = {
    "num_cpus": 1,
    "object_store_memory": 80 * 2**20,
    "include_dashboard": False,
    "include_log_monitor": False,
    "no_monitor": True,
}
TEXTS = ["one", "two?", "three", "four"]


@pytest.fixture(scope="module")
def cluster() -> Iterator:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": os.urandom(32).hex()}
    patience = {"RAY_agent_register_timeout_ms": "180000"}  # on a busy machine
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**token, **patience, "PYTHONPATH": PATHS}.items():
            patch.setenv(name, value)
        from ray.cluster_utils import Cluster  # Ray reads the mode when it is imported

        started = Cluster()
        try:
            for _ in range(2):
                add_node(started)
            yield started
        finally:
            started.shutdown()


def add_node(cluster, **more):
    """Start a node. Ray gives it 30 seconds, which a busy machine may exceed; it joins later."""
    before = len(cluster.global_state._live_node_ids()) if cluster.head_node else 0
    for tries_left in reversed(range(6)):
        try:
            cluster.add_node(**{**NODE, **more})
            return
        except Exception as error:
            if "timed out during startup" not in str(error) or not tries_left:
                raise
        if cluster.head_node:
            wait_until(lambda: len(cluster.global_state._live_node_ids()) > before)
            return


@pytest.fixture
def factory(cluster, tmp_path, monkeypatch) -> ToyFactory:
    """A workspace that computes on the cluster."""
    found = ToyFactory(tmp_path / "workspace")
    monkeypatch.setenv("FLAWFACTORY_ROOT", str(found.root))
    found.executor("ray", 0, address=cluster.address)
    return found


def failures(factory, stage):
    out = factory.fill(stage)
    return {reject.key: reject.code for reject in out.rejects if reject.variant is None}


def compute(factory, stage, units):
    settings = load_settings(factory.workspace).executor
    return list(execute(stage, factory.store, units, settings, code_digest(stage)))


def held(folder):
    """The processes that hold photos: (worker, its parent)."""
    found = [path.read_text().split() for path in folder.iterdir() if path.name != "go"]
    return {tuple(map(int, pids)) for pids in found if len(pids) == 2}


def has_ended(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def test_two_nodes_give_the_same_bytes_as_one_process(factory, tmp_path):
    inline = ToyFactory(tmp_path / "inline")
    for workspace in (inline, factory):
        workspace.sources(*map(line, TEXTS), line("bad", "raise"), line("unwanted", "reject"))
        workspace.fill(SourceStage, DoubleStage)
    for stage in ("source", "double"):
        assert factory.files(stage) == inline.files(stage)
    assert [path.read_bytes() for path in factory.blobs()] == [
        path.read_bytes() for path in inline.blobs()
    ]


def test_a_node_that_joins_late_gets_work_which_is_done_elsewhere_when_it_is_killed(
    factory, cluster, tmp_path
):
    folder = tmp_path / "held"
    folder.mkdir()
    factory.sources(*(line(text, "hold", folder=str(folder)) for text in "abc"))

    # Nodes can be started in the main thread only.
    with ThreadPoolExecutor() as pool:
        found = pool.submit(failures, factory, SourceStage)
        try:
            wait_until(lambda: len(held(folder)) == 2)
            before = {parent for _, parent in held(folder)}
            add_node(cluster)
            wait_until(lambda: len(held(folder)) == 3)
            ((busy, raylet),) = [pids for pids in held(folder) if pids[1] not in before]
            os.kill(raylet, signal.SIGKILL)  # the node's main process
            wait_until(lambda: has_ended(busy))
        finally:
            (folder / "go").touch()
        assert found.result() == {}
    assert len(factory.blobs()) == 3


def test_a_photo_that_kills_its_workers_is_rejected_and_the_others_are_computed(factory):
    factory.sources(line("killer", "kill"), line("a"), line("b", "raise"))
    assert failures(factory, SourceStage) == {
        key_of("killer"): EngineCode.WORKER_DIED,
        key_of("b"): "internal_error",
    }
    assert len(factory.blobs()) == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_driver_that_ends_leaves_no_workers_and_its_results_are_stored(factory, tmp_path, number):
    folder = tmp_path / "held"
    folder.mkdir()
    factory.sources(line("done"), *(line(text, "hold", folder=str(folder)) for text in "ab"))
    environment = {**os.environ, "PYTHONPATH": PATHS}
    driver = subprocess.Popen([sys.executable, "-m", "toy.source"], env=environment)
    try:
        wait_until(lambda: len(held(folder)) == 2 and len(factory.blobs()) == 1)
    finally:
        driver.send_signal(number)
        driver.wait()
    wait_until(lambda: all(has_ended(worker) for worker, _ in held(folder)))

    (folder / "go").touch()
    computed = factory.compute(SourceStage)
    assert {done.unit.key for done in computed} == {key_of("a"), key_of("b")}
    assert len(factory.blobs()) == 3


def test_inputs_that_only_the_driver_can_read_are_sent(factory):
    factory.sources(line("a"), line("b"))
    factory.fill(SourceStage)
    with (factory.workspace.stage("source") / "shard-00000.tar").open("rb") as shard:
        here = f"/proc/self/fd/{shard.fileno()}"
        units = [replace(u, shards={"source": here}) for u in factory.units(DoubleStage)]
        done = compute(factory, factory.build(DoubleStage), units)
    assert [outcome.failure for outcome in done] == [None, None]


def test_models_that_cannot_be_loaded_are_one_error(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    factory.save(double={"weights": "/nowhere"})
    message = r"^double: cannot load its models: OSError: no weights at /nowhere \(on node .+\)$"
    with pytest.raises(FactoryError, match=message):
        factory.compute(DoubleStage)


def test_a_worker_that_dies_while_loading_is_an_error_not_a_reject(factory):
    factory.sources(line("a"))
    factory.fill(SourceStage)
    factory.save(double={"weights": "kill"})
    with pytest.raises(FactoryError, match="double: its worker died while it loaded the models"):
        factory.compute(DoubleStage)


class StoreOfTheDriver(Store):
    """Is another folder on the nodes."""

    def __reduce__(self):
        return Store, (self.root / "elsewhere",)


def test_a_store_that_is_not_shared_is_one_error(factory):
    factory.sources(line("a"))
    stage, settings = factory.build(SourceStage), load_settings(factory.workspace).executor
    store = StoreOfTheDriver(factory.root / "here")
    run = execute(stage, store, factory.units(SourceStage), settings, code_digest(stage))
    with pytest.raises(FactoryError, match=r"stored a result that is not in the store .*/here as"):
        list(run)


def test_an_address_without_a_cluster_is_one_error(factory):
    factory.executor("ray", 0, address="127.0.0.1:1")
    factory.sources(line("a"))
    message = "cannot use the Ray cluster `executor.address` = '127.0.0.1:1': .*refused"
    with pytest.raises(FactoryError, match=message):
        factory.compute(SourceStage)


def test_another_version_of_ray_is_refused(factory, monkeypatch):
    factory.sources(line("a"))
    monkeypatch.setattr("ray.__version__", "1.0.0")
    with pytest.raises(FactoryError, match=r"cannot use the Ray cluster .*Version mismatch.*1\.0"):
        factory.compute(SourceStage)


def test_a_stage_without_a_worker_gives_up(factory, cluster):
    factory.executor("ray", 1, address=cluster.address, threads=64, wait_minutes=0.01)
    factory.sources(line("a"))
    with pytest.raises(FactoryError, match=r"one needs CPU 64, the cluster has CPU \d+; gave up"):
        factory.compute(SourceStage)


def test_workers_share_a_gpu(factory, cluster, monkeypatch):
    factory.executor("ray", 0, address=cluster.address, gpus_per_worker=0.5)
    factory.sources(line("a", "gpu"), line("b", "gpu"))
    stage, units = factory.build(SourceStage), factory.units(SourceStage)
    monkeypatch.setattr(devices, "on_gpu", lambda names: True)
    monkeypatch.setattr("stages.engine.provenance._gpu_numerics", lambda stage: {})
    add_node(cluster, num_cpus=2, num_gpus=1)
    compute(factory, stage, units)
    seen = [factory.store.get(unit.store_key).document["text"] for unit in units]
    assert seen == ["0", "0"]
